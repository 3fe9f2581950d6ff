"""English words that name a gender: pairs that can be exchanged, and words that cannot.

The pairs are one to one, so that exchanging twice gives the text back.  What has no one partner is listed too: a text
that holds it is refused (:mod:`lorafair.data.gender_swap`).
"""

from __future__ import annotations

_NOUNS = """
woman man, women men, girl boy, girls boys, female male, females males, lady gentleman, ladies gentlemen,
mother father, mothers fathers, mom dad, moms dads, mommy daddy, daughter son, daughters sons, sister brother,
sisters brothers, wife husband, wives husbands, girlfriend boyfriend, girlfriends boyfriends, bride groom,
brides grooms, aunt uncle, aunts uncles, niece nephew, nieces nephews, grandmother grandfather,
grandmothers grandfathers, grandma grandpa, grandmas grandpas, granddaughter grandson, granddaughters grandsons,
stepmother stepfather, stepdaughter stepson, stepsister stepbrother, godmother godfather, goddaughter godson,
widow widower, widows widowers, queen king, queens kings, princess prince, princesses princes, duchess duke,
actress actor, actresses actors, waitress waiter, waitresses waiters, hostess host, stewardess steward,
heroine hero, heroines heroes, heiress heir, goddess god, goddesses gods, nun monk, nuns monks, landlady landlord,
landladies landlords, businesswoman businessman, businesswomen businessmen, policewoman policeman,
policewomen policemen, chairwoman chairman, chairwomen chairmen, saleswoman salesman, saleswomen salesmen,
spokeswoman spokesman, sportswoman sportsman, sportswomen sportsmen, congresswoman congressman, madam sir,
feminine masculine, motherhood fatherhood, sisterhood brotherhood, schoolgirl schoolboy, schoolgirls schoolboys
"""
_NAMES = """
Mary John, Patricia James, Jennifer Michael, Linda Robert, Elizabeth William, Barbara Richard, Susan Thomas,
Jessica Joshua, Sarah Daniel, Karen Kevin, Lisa Brian, Nancy Gary, Sandra Ronald, Emily Jacob, Donna Kenneth,
Michelle Jason, Amanda Ryan, Melissa Eric, Deborah Stephen, Stephanie Nicholas, Rebecca Benjamin, Laura Andrew,
Helen George, Anna Paul, Emma Ethan, Olivia Liam, Rachel Samuel, Hannah Nathan, Martha Arthur, Alice Henry,
Diana Edward, Julia Peter, Katherine Matthew, Maria Juan, Carmen Carlos, Lucia Diego, Elena Miguel, Fatima Omar,
Aisha Ahmed, Zainab Hassan, Priya Arjun, Keisha Jamal, Latoya Tyrone, Ingrid Sven, Giulia Marco, Claire Pierre
"""


def _read(text: str) -> dict[str, str]:
    """Female -> male of a comma-separated list of pairs."""
    return {pair.split()[0]: pair.split()[1] for pair in text.split(",")}


def _list(text: str) -> frozenset[str]:
    return frozenset(text.split())


NOUNS = _read(_NOUNS)
"""Female -> male common nouns, adjectives and forms of address, lower case."""
NAMES = _read(_NAMES)
"""Female -> male given names that are no words, paired by where and how often they are given."""
SURE_PRONOUNS = {"she": "he", "herself": "himself"}
"""Female -> male pronouns of one form each; her, hers, him and his are decided by their place."""
TITLES = {"Ms": "Mr"}
"""Female -> male titles; Mrs and Miss tell a marriage and Mr does not, so these have no partner."""

BEFORE_SURNAMES = frozenset({"ms", "mr", "dr", "doctor", "prof", "professor", "captain"})
"""After these a capitalised word is a surname, which tells no gender."""

NO_PARTNER = _list(
    """mrs miss mum mums mummy mama mamma papa pa ma'am guy guys gal gals dude dudes bloke blokes chap chaps fella lad
    lads lass mistress master masters bachelor bachelors spinster lord lords sire dame manly womanly girlish boyish
    motherly fatherly maiden virgin tomboy housewife housewives househusband seamstress mailman fireman firemen
    manpower bitch slut whore bastard gigolo witch wizard nanny"""
)
"""Words that tell a gender and have no one word of the other."""
NO_MEN = _list(
    """human inhuman superhuman nonhuman german roman shaman talisman ottoman caiman oman yemen specimen regimen
    abdomen omen amen acumen semen hymen stamen bitumen lumen ramen"""
)
"""Words in -man and -men that tell no gender; any other that is in no pair is refused (fisherman, postmen)."""
BOUND = _list(
    """pregnant pregnancy pregnancies menstrual menstruation menopause breastfeed breastfeeding breastfed ovarian
    uterus womb prostate testicular beard bearded moustache mustache lesbian lesbians trans transgender nonbinary
    cisgender"""
)
"""Words whose sentence would say something else, or nothing that happens, of the other gender."""
NAMES_OR_WORDS = _list(
    """amber angel april art august bill carol chance chase christian crystal daisy dale dawn dean drew eve faith ford
    frank gene glen grace grant guy harmony heather hope iris ivy jack jade jasmine jean joy june lance lily mark
    max may melody merry mercy miles norman pat pearl penny ray rich rob robin rose ruby rusty sandy sky summer sue
    terry tony victor victoria violet virginia wade ward will woody"""
)
"""Given names that are also words, or both genders' names."""
NO_NAMES = _list(
    """i monday tuesday wednesday thursday friday saturday sunday january february march july september october
    november december christmas easter english french german spanish italian american british european african asian
    black white latino indian chinese japanese arab muslim jewish catholic dr doctor prof professor captain internet
    ok"""
)
"""Words that are written with a capital letter and are no given names."""

CLOSED = _list(
    """a an the this that these those and or but nor so yet because although though since unless until while when
    whenever where wherever whether if as than to for with without at in on onto into from by about after before
    against among around behind below beneath beside besides between beyond despite during except inside near of off
    out outside over through throughout toward towards under up upon via within down across along is are was were be
    been being am do does did has have had will would can could shall should may might must not never also too again
    then now there here away soon later today tonight tomorrow yesterday already alone together anyway instead i you
    he she it we they me him her hers his us them my your our their mine yours ours theirs himself herself who whom
    whose which what why how just even still rather quite very always often sometimes once twice anymore anyways
    every each anything something everything nothing"""
)
"""Words that begin no noun after a possessive: before them ``her`` is "him" and ``his`` is "hers"."""
UNSURE_NEXT = _list(
    """back home right well best better first last next late early past close more most less little enough all both
    half much many some any no one bad good straight free clean open hard fast long"""
)
"""Words that follow "her book" and "met her" alike."""
LY_WORDS = _list(
    """family families ally bully belly assembly reply supply only lovely friendly daily weekly monthly yearly elderly
    ugly lonely silly holy curly lively costly deadly jelly"""
)
"""Words in -ly that are nouns or adjectives; the others are adverbs."""
ING_WORDS = _list(
    """wedding meeting building evening morning clothing painting feeling ring king thing things spring string wing
    earring earrings savings belongings surroundings engineering training writing upbringing cooking singing reading
    teaching landing nursing accounting programming finding findings"""
)
"""Words in -ing that are nouns; others may be what somebody was seen doing."""
PEOPLE = _list(
    """own friend friends boss bosses parent parents child children kid kids baby colleague colleagues cousin cousins
    neighbour neighbours neighbor neighbors spouse partner sibling siblings grandparents grandchildren patient
    patients client clients customer customers student students team manager mentor coworker coworkers"""
)
"""After a verb of two objects these are still "her friend", not "her" and a thing."""
TWO_OBJECTS = _list(
    """give gives gave given giving tell tells told telling show shows showed shown showing offer offers offered send
    sends sent sending lend lends lent hand hands handed pay pays paid promise promises promised teach teaches
    taught ask asks asked bring brings brought buy buys bought make makes made making cook cooks cooked read reads
    write writes wrote sell sells sold wish wishes wished award awards awarded provide provides provided charge
    charges charged treat treats treated hope hopes hoped grant grants granted deny denies denied owe owes owed
    serve serves served find finds found get gets got leave leaves left save saves saved cost costs call calls
    called keep keeps kept consider considers considered see sees saw seen hear hears heard watch watches watched
    feel feels felt notice notices noticed let lets help helps helped throw throws threw pass passes passed pour
    pours poured bake baked order ordered feed fed catch caught set sets think thinks thought believe believes
    believed appoint appointed elect elected name named vote voted wanted want wants need needs needed make-up
    prefer preferred drive drove take took"""
)
"""Verbs after which "her" and a noun may be two objects, or "her" somebody who does or is something."""
