"""Spanish: the article, the noun's ending and adjectives vote; nouns of common gender (-ista, -nte) say nothing."""

from __future__ import annotations

from collections.abc import Sequence

from lorafair.translation.language import Gender
from lorafair.translation.profession import Beginnings, read_table, read_words
from lorafair.translation.romance import FEMALE, MALE, NOTHING, Grammar, list_endings, read_phrase, tell

PROFESSIONS = read_table("""
accountant: contador contable; administrator: administrador; advisee: asesorad aconsejad; advisor: asesor consejer
analyst: analista; appraiser: tasador perit; architect: arquitect; assistant: asistente asistenta ayudante auxiliar
attendant: asistente auxiliar encargad dependient azafata; auditor: auditor; baker: panader; bartender: camarer barman
broker: corredor agente; buyer: comprador; bystander: transeúnte espectador; carpenter: carpinter; cashier: cajer
ceo: ceo director; chef: chef cociner; chemist: químic; chief: jef; child: niñ hij; cleaner: limpiador
clerk: emplead dependient oficinista; client: client; construction: construcción; cook: cociner; counselor: consejer
customer: client; designer: diseñador; developer: desarrollador promotor; dietitian: dietista nutricionista
dispatcher: despachador; doctor: médic doctor; driver: conductor chofer chófer; editor: editor redactor
educator: educador; electrician: electricista; employee: emplead; engineer: ingenier; examiner: examinador
farmer: granjer agricultor campesin; firefighter: bomber; guard: guardia guarda vigilante; guest: huésped invitad
hairdresser: peluquer estilista; homeowner: propietari dueñ; housekeeper: ama$ gobernanta mucama emplead
hygienist: higienista; inspector: inspector; instructor: instructor; investigator: investigador
janitor: conserje porter; laborer: obrer trabajador jornaler peón; lawyer: abogad; librarian: bibliotecari
machinist: maquinista; manager: gerent encargad director; mechanic: mecánic; mover: mudanzas transportista
nurse: enfermer; nutritionist: nutricionista; officer: oficial agente policía; onlooker: espectador mirón
owner: dueñ propietari; painter: pintor; paralegal: paralegal asistente; paramedic: paramédic; passenger: pasajer
pathologist: patólog; patient: paciente; pedestrian: peat; pharmacist: farmacéutic; physician: médic doctor
planner: planificador; plumber: fontaner plomer; practitioner: médic profesional; programmer: programador
protester: manifestante; psychologist: psicólog; receptionist: recepcionista; resident: residente
salesperson: vendedor dependient; scientist: científic; secretary: secretari; sheriff: sheriff alguacil comisari
someone: alguien; specialist: especialista; student: estudiante alumn; supervisor: supervisor; surgeon: ciruj
tailor: sastre modist; taxpayer: contribuyente; teacher: maestr profesor docente; technician: técnic
teenager: adolescente; therapist: terapeuta; undergraduate: estudiante; veterinarian: veterinari; victim: víctima
visitor: visitante; witness: testigo; worker: trabajador obrer; writer: escritor
""")

GRAMMAR = Grammar(
    determiners={
        **tell(MALE, "el un uno al del los unos este ese aquel estos esos nuestro otro algún ningún dicho mismo"),
        **tell(FEMALE, "la una las unas esta esa aquella estas esas nuestra otra alguna ninguna dicha misma"),
        **tell(NOTHING, "su sus mi mis tu tus cada cualquier"),
    },
    prepositions=read_words("de del en por para con a al sobre ante contra desde hacia hasta según sin tras entre"),
    others=read_words(
        "y e o u que porque cuando si no le les se lo me te nos él ella ellos ellas alguien nadie quien como ya muy "
        "más pero es era está fue ha había tiene tenía ser estar"
    ),
    verbs=("aba", "aban", "ía", "ían", "ó", "ieron", "aron", "ando", "iendo"),
    nouns={
        **tell(MALE, "jefe sastre hombre padre monje héroe barman"),
        **tell(FEMALE, "mujer madre mano"),
        **tell(NOTHING, "testigo modelo piloto guardia guarda policía guía colega camarada espía centinela azafato"),
    },
    endings=(
        *list_endings(NOTHING, "ista euta iatra auta crata eta arca"),
        *list_endings(FEMALE, "ción sión dad tad tud triz a as"),
        *list_endings(MALE, "o os or ores ón án ín"),
    ),
    known=Beginnings(each for found in PROFESSIONS.values() for each in found),
    silent=frozenset({("el", "ama"), ("al", "ama"), ("del", "ama"), ("un", "ama"), ("el", "aya"), ("un", "aya")}),
)


def read_gender(tokens: Sequence[str], positions: Sequence[int]) -> Gender:
    """The gender of the noun phrase at the positions; "unknown" where nothing is linked."""
    return read_phrase(tokens, positions, GRAMMAR)
