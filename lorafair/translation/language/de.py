"""German: a noun in -in is female, else the nearest determiner decides; without one, and without links, male.

So does the published evaluation.  Here the noun phrase's own determiner comes before nearer ones of others, and nouns
that are female in every case (Krankenschwester, Pflegekraft, Reinigungskraft) stay so after the dative's "der".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lorafair.translation.language import Gender
from lorafair.translation.profession import Beginnings, read_table, read_words
from lorafair.translation.token import read_word

PROFESSIONS = read_table("""
accountant: buchhalt; administrator: administrator verwalt; advisee: ratsuchend beraten; advisor: berat
analyst: analyst; appraiser: gutacht schätz; architect: architekt; assistant: assisten gehilf
attendant: begleit wärter aufseher betreuer; auditor: prüfer auditor wirtschaftsprüf revisor; baker: bäcker
bartender: barkeep bartender; broker: makler; buyer: käufer einkäuf; bystander: umstehend zuschauer passant
carpenter: zimmer tischler schreiner; cashier: kassier; ceo: ceo geschäftsführ vorstand
chef: koch köch küchenchef chefkoch; chemist: chemik; chief: chef häuptling leiter; child: kind; cleaner: reinig putz
clerk: angestellt sachbearbeit verkäufer schreiber; client: klient kund mandant auftraggeb; construction: bau
cook: koch köch; counselor: berat therapeut; customer: kund; designer: design gestalter; developer: entwickl
dietitian: diätassisten; dispatcher: dispo dispatch fahrdienst; doctor: arzt ärzt doktor; driver: fahr
editor: redakt herausgeb lektor editor; educator: erzieh pädagog; electrician: elektrik
employee: angestellt mitarbeit; engineer: ingenieur; examiner: prüfer; farmer: bauer bäuer landwirt
firefighter: feuerwehr; guard: wach wächter wärter; guest: gast gäst; hairdresser: friseur frisör
homeowner: hausbesitz hauseigentüm eigenheim; housekeeper: haushält hauswirtschaft haushaltshilf; hygienist: hygienik
inspector: inspektor inspekteur; instructor: ausbild lehrer instrukt; investigator: ermittl; janitor: hausmeist
laborer: arbeiter hilfsarbeit; lawyer: anwalt anwält rechtsanw; librarian: bibliothek; machinist: maschinist
manager: manager leiter geschäftsführ; mechanic: mechanik; mover: umzug umzugs möbelpack
nurse: krankenschwester krankenpfleg schwester pfleg; nutritionist: ernährungs; officer: offizier beamt polizist
onlooker: schaulustig zuschauer; owner: besitz eigentüm; painter: maler
paralegal: rechtsanwaltsfach anwaltsgehilf rechtsassist; paramedic: sanität rettungs
passenger: passagier fahrgast beifahr; pathologist: patholog; patient: patient; pedestrian: fußgäng
pharmacist: apothek; physician: arzt ärzt; planner: planer; plumber: klempn installat; practitioner: prakti arzt ärzt
programmer: programmier; protester: demonstrant; psychologist: psycholog; receptionist: rezeption empfangs
resident: bewohn einwohn; salesperson: verkäuf; scientist: wissenschaft; secretary: sekretär; sheriff: sheriff
someone: jemand; specialist: spezialist fach; student: student schüler; supervisor: vorgesetzt aufseh supervis
surgeon: chirurg; tailor: schneid; taxpayer: steuerzahl; teacher: lehrer lehrkraft; technician: techniker
teenager: teenag jugendlich; therapist: therapeut; undergraduate: student; veterinarian: tierarzt tierärzt
victim: opfer; visitor: besuch; witness: zeug; worker: arbeiter bauarbeiter; writer: schriftstell autor schreiber
""")

DETERMINERS: dict[str, Gender] = {
    **dict.fromkeys(
        read_words("der den dem des ein einen einem eines zum vom beim am im dieser diesen diesem"), "male"
    ),
    **dict.fromkeys(read_words("dieses jener jenen jedem jeden jeder keinen keinem sein seinen seinem seines"), "male"),
    **dict.fromkeys(read_words("ihren ihrem ihres meinen meinem unseren unserem"), "male"),
    **dict.fromkeys(read_words("die eine einer zur diese jene jede keine seine seiner ihre ihrer meine"), "female"),
    **dict.fromkeys(read_words("meiner unsere"), "female"),
}
"""As in a table without cases: "der" is male though the dative and genitive female have it; "das" is not in it."""
PRONOUNS: dict[str, Gender] = {
    **dict.fromkeys(read_words("er ihn ihm"), "male"),
    **dict.fromkeys(read_words("sie ihr"), "female"),
}
"""Taken with the determiners where a word has none of its own: "jemand, dem sie" is a woman."""
FEMALE_NOUNS = re.compile(
    r"(?:schwester|kraft|frau|dame|person|hilfe|wache|assistenz|mutter|tochter|bedienung|aufsicht)$"
)
MALE_NOUNS = re.compile(r"(?:mann|herr|bruder|vater|sohn|junge)s?$")
ADJECTIVES = re.compile(
    r"(?:angestellt|vorgesetzt|jugendlich|schaulustig|umstehend|beschäftigt|studierend|ratsuchend)en$"
)
"""Adjectives used as nouns: after "der" the ending -en is dative or genitive female ("der Angestellten")."""
NOT_FEMALE = read_words("termin medizin admin benjamin kamin kevin martin robin cousin delphin")
INCLUSIVE = re.compile(r"\w(?:[*:_·•]-?|/-?)in(?:nen)?\b|[a-zß]In(?:nen)?\b|\(in(?:nen)?\)", re.ASCII)
_KNOWN = Beginnings(each for found in PROFESSIONS.values() for each in found)


def read_gender(tokens: Sequence[str], positions: Sequence[int]) -> Gender:
    """The gender of the noun phrase at the positions; "male" where nothing is linked, "neutral" for "Koch*in"."""
    linked = sorted({at for at in positions if 0 <= at < len(tokens)})
    if not linked:
        return "male"
    head = _find_head(tokens, linked)
    if INCLUSIVE.search(tokens[head]):
        return "neutral"
    word = read_word(tokens[head])
    if _is_female(word):
        return "female"
    if MALE_NOUNS.search(word):
        return "male"
    determiner = _find_determiner(tokens, head) or _find_nearest(tokens, head)
    if "/" in determiner:
        return "neutral"
    if determiner == "der" and ADJECTIVES.search(word):
        return "female"
    return (DETERMINERS | PRONOUNS).get(determiner, "male")


def _is_female(word: str) -> bool:
    if word.endswith(("in", "innen")) and len(word) > 4 and word not in NOT_FEMALE and word not in DETERMINERS:
        return True
    return FEMALE_NOUNS.search(word) is not None


def _find_head(tokens: Sequence[str], linked: Sequence[int]) -> int:
    """The first linked noun that is known as a profession, else the first noun, else the noun after the first word."""
    nouns = [at for at in linked if _is_noun(tokens[at])]
    known = [at for at in nouns if _KNOWN.match(read_word(tokens[at]))]
    if known or nouns:
        return (known or nouns)[0]
    first = linked[0]
    following = range(first + 1, min(first + 3, len(tokens))) if read_word(tokens[first]) in DETERMINERS else ()
    return next((at for at in following if _is_noun(tokens[at])), first)


def _is_noun(token: str) -> bool:
    bare = token.lstrip("\"'„“»«‚‘(")
    return bare[:1].isupper() and read_word(token) not in DETERMINERS and read_word(token) not in {"er", "sie", "es"}


def _find_determiner(tokens: Sequence[str], head: int) -> str:
    """The determiner of the noun: the nearest before it, adjectives may stand between; "" without one."""
    for at in range(head, max(head - 4, -1), -1):
        word = read_word(tokens[at])
        if word in DETERMINERS or word.partition("/")[0] in DETERMINERS:
            return word
        if at < head and (not word or tokens[at][-1] in ",;:.!?" or _is_noun(tokens[at])):
            break
    return ""


def _find_nearest(tokens: Sequence[str], head: int) -> str:
    """The determiner or pronoun that stands nearest to a word, the earlier of two; "" without any in the sentence."""
    words = [read_word(token) for token in tokens]
    told = [at for at, word in enumerate(words) if word in DETERMINERS or word in PRONOUNS]
    return words[min(told, key=lambda at: abs(at - head))] if told else ""
