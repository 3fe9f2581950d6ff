"""French: the article, the noun's ending and adjectives vote; ``l'`` and ``les`` show no gender, ``au`` is male."""

from __future__ import annotations

from collections.abc import Sequence

from lorafair.translation.language import Gender
from lorafair.translation.profession import Beginnings, read_table, read_words
from lorafair.translation.romance import FEMALE, MALE, NOTHING, Grammar, list_endings, read_phrase, tell

PROFESSIONS = read_table("""
accountant: comptable; administrator: administrat; advisee: conseillé; advisor: conseill; analyst: analyste
appraiser: évaluat expert; architect: architecte; assistant: assistant adjoint; attendant: préposé agent accompagnat
auditor: audit vérificat commissaire; baker: boulang; bartender: barm serveu; broker: courti; buyer: achet
bystander: passant spectat; carpenter: charpenti menuisi; cashier: caissi; ceo: pdg directeu directric
chef: chef cuisini; chemist: chimiste; chief: chef; child: enfant; cleaner: nettoyeu femme agent ménag
clerk: commis employé greffi vendeu; client: client; construction: construction bâtiment; cook: cuisini
counselor: conseill; customer: client; designer: designer concept créat styliste dessinat
developer: développeu promot; dietitian: diététicien; dispatcher: répartit; doctor: médecin docteu docto
driver: conduct chauffeu; editor: édit rédact; educator: éducat; electrician: électricien; employee: employé
engineer: ingénieu; examiner: examinat; farmer: fermi agricult; firefighter: pompi; guard: garde gardien
guest: invité hôte; hairdresser: coiffeu; homeowner: propriétaire; housekeeper: ménag gouvernant femme intendant
hygienist: hygiéniste; inspector: inspect; instructor: instruct monit; investigator: enquêt
janitor: concierge gardien; laborer: ouvri travaill manœuvre journali; lawyer: avocat; librarian: bibliothécaire
machinist: machiniste; manager: gestionnaire gérant directeu directric responsable manager; mechanic: mécanicien
mover: déménageu; nurse: infirmi; nutritionist: nutritionniste; officer: officier agent; onlooker: spectat badaud
owner: propriétaire; painter: peintre; paralegal: parajuriste assistant juridique; paramedic: ambulanci paramédic
passenger: passag; pathologist: pathologiste; patient: patient; pedestrian: piéton; pharmacist: pharmacien
physician: médecin; planner: planificat; plumber: plombi; practitioner: praticien; programmer: programmeu
protester: manifestant; psychologist: psychologue; receptionist: réceptionniste; resident: résident
salesperson: vendeu; scientist: scientifique; secretary: secrétaire; sheriff: shérif; someone: quelqu'un
specialist: spécialiste; student: étudiant élève; supervisor: supervis; surgeon: chirurgien; tailor: tailleu coutur
taxpayer: contribuable; teacher: enseignant professeu maître institut; technician: technicien; teenager: adolescent
therapist: thérapeute; undergraduate: étudiant; veterinarian: vétérinaire; victim: victime; visitor: visiteu
witness: témoin; worker: ouvri travaill; writer: écrivain auteu
""")

GRAMMAR = Grammar(
    determiners={
        **tell(MALE, "le un au du ce cet aucun quelque"),
        **tell(FEMALE, "la une cette ma ta sa aucune"),
        **tell(NOTHING, "l' les des aux ces leur leurs notre votre nos vos ses mes tes d' chaque mon ton son"),
    },
    prepositions=read_words("de d' des du en pour par avec à au aux sur dans chez contre vers sans sous entre"),
    others=read_words(
        "et ou que qu' parce car quand si ne pas n' se s' lui elle il elles ils on qui y comme très plus est "
        "a ont sont était avait c' j' je tu nous vous où dont mais"
    ),
    verbs=("ait", "aient", "èrent"),
    nouns={
        **tell(MALE, "chef médecin docteur professeur homme père maître shérif commis témoin officier individu"),
        **tell(MALE, "monsieur quelqu'un"),
        **tell(FEMALE, "femme mère personne victime fille dame sentinelle recrue hôtesse maîtresse cheffe"),
        **tell(NOTHING, "garde juge enfant élève pdg interprète concierge cadre peintre guide hôte pilote"),
    },
    endings=(
        *list_endings(NOTHING, "iste istes aire ecte logue able eute iatre ique arde"),
        *list_endings(
            FEMALE, "euse euses trice trices ière ières ère enne onne esse eure ée ées ante antes ente entes"
        ),
        *list_endings(FEMALE, "cate ote ointe aine tion sion ette elle ise ive oise aise ide ie ale"),
        *list_endings(MALE, "eur eurs ier iers er ien iens on in ain ant ants ent ents oint at ats é és and ard if"),
        *list_endings(MALE, "ois ais el"),
    ),
    known=Beginnings(each for found in PROFESSIONS.values() for each in found),
)


def read_gender(tokens: Sequence[str], positions: Sequence[int]) -> Gender:
    """The gender of the noun phrase at the positions; "unknown" where nothing is linked."""
    return read_phrase(tokens, positions, GRAMMAR)
