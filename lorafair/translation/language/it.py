"""Italian: the article, the noun's ending and adjectives vote; ``l'`` and ``all'`` show no gender."""

from __future__ import annotations

from collections.abc import Sequence

from lorafair.translation.language import Gender
from lorafair.translation.profession import Beginnings, read_table, read_words
from lorafair.translation.romance import FEMALE, MALE, NOTHING, Grammar, list_endings, read_phrase, tell

PROFESSIONS = read_table("""
accountant: contabil ragionier commercialist; administrator: amministrat; advisee: consigliat
advisor: consulent consiglier; analyst: analist; appraiser: perit stimator valutat; architect: architett
assistant: assistent aiutante; attendant: assistent addett inservient custode accompagnat; auditor: revisor auditor
baker: fornai panettier; bartender: barist barman; broker: broker mediat agent intermediar
buyer: acquirent compratr comprator; bystander: passant spettat; carpenter: falegnam carpentier; cashier: cassier
ceo: ceo amministrat; chef: chef cuoc; chemist: chimic; chief: capo$ capa$ direttor direttric; child: bambin figli
cleaner: addett pulizie pulitor pulitric; clerk: impiegat commess; client: client; construction: edil costruzion
cook: cuoc; counselor: consiglier consulent; customer: client; designer: designer progettist stilist
developer: sviluppat; dietitian: dietist; dispatcher: spedizionier dispatcher; doctor: dottor medic
driver: autist conducent; editor: editor redattor redattric; educator: educat; electrician: elettricist
employee: dipendent impiegat; engineer: ingegner; examiner: esaminat; farmer: agricolt contadin fattor allevat
firefighter: pompier vigil; guard: guardia$ guardian; guest: ospit; hairdresser: parrucchier; homeowner: proprietari
housekeeper: governant domestic; hygienist: igienist; inspector: ispettor ispettric; instructor: istruttor istruttric
investigator: investigat; janitor: bidell custode inservient portier
laborer: operai lavorator lavoratric bracciant manoval; lawyer: avvocat; librarian: bibliotecari
machinist: macchinist; manager: manager direttor direttric responsabil gestor; mechanic: meccanic
mover: traslocat traslochi; nurse: infermier; nutritionist: nutrizionist; officer: ufficial agent funzionari
onlooker: spettat curios; owner: proprietari; painter: pittor pittric imbianchin; paralegal: paralegal assistent
paramedic: paramedic; passenger: passegger; pathologist: patolog; patient: pazient; pedestrian: pedon
pharmacist: farmacist; physician: medic; planner: pianificat; plumber: idraulic; practitioner: medic professionist
programmer: programmat; protester: manifestant; psychologist: psicolog; receptionist: receptionist; resident: resident
salesperson: vendit commess addett; scientist: scienziat; secretary: segretari; sheriff: sceriff; someone: qualcun
specialist: specialist; student: student studentess; supervisor: supervisor; surgeon: chirurg; tailor: sart
taxpayer: contribuent; teacher: insegnant maestr professor; technician: tecnic; teenager: adolescent
therapist: terapist terapeut; undergraduate: student studentess laureand; veterinarian: veterinari; victim: vittim
visitor: visitat; witness: testimon; worker: lavorator lavoratric operai murator; writer: scrittor scrittric
""")

GRAMMAR = Grammar(
    determiners={
        **tell(MALE, "il lo un uno i gli al allo ai agli del dello dei degli dal dallo dai dagli nel nello nei negli"),
        **tell(MALE, "sul sullo sui sugli col quel quello quei questo altro stesso mio tuo suo nostro alcun nessun"),
        **tell(FEMALE, "la una un' le alla alle della delle dalla dalle nella nelle sulla sulle colla quella questa"),
        **tell(FEMALE, "altra stessa mia tua sua nostra alcuna nessuna"),
        **tell(NOTHING, "l' all' dell' dall' nell' sull' coll' quell' quest' loro ogni qualche"),
    },
    prepositions=read_words(
        "di d' del della dell' dei delle dello degli a al alla all' alle da dal dalla per con in nel su tra fra"
    ),
    others=read_words(
        "e ed o che perché quando se non gli le lo si ci ne mi ti lui lei egli ella loro chi come molto più "
        "ma è ha era aveva fu sono hanno stato stata essere avere c' s' qualcosa"
    ),
    verbs=("ava", "avano", "eva", "evano", "iva", "ivano", "ò", "arono", "ando", "endo"),
    nouns={
        **tell(MALE, "capo falegname fabbro uomo padre chef barman ceo broker sceriffo pedone"),
        **tell(FEMALE, "donna madre guardia persona vittima sentinella guida spia recluta moglie"),
        **tell(NOTHING, "collega atleta pilota poeta portavoce custode giudice"),
    },
    endings=(
        *list_endings(NOTHING, "ista iatra euta cida nauta ante ente nti abile ibile"),
        *list_endings(FEMALE, "trice trici essa iera zione sione tà tù a ione"),
        *list_endings(MALE, "o tore sore ore iere gnere one ame i"),
    ),
    known=Beginnings(each for found in PROFESSIONS.values() for each in found),
    weak={"dell'": MALE},
)


def read_gender(tokens: Sequence[str], positions: Sequence[int]) -> Gender:
    """The gender of the noun phrase at the positions; "unknown" where nothing is linked.

    ``dell'`` before a noun of common gender is male, as in the published evaluation; a noun that shows its gender
    decides ("dell'infermiera" is female).
    """
    return read_phrase(tokens, positions, GRAMMAR)
