"""Russian: gender by dictionary (:mod:`lorafair.translation.morphology`); Russian has no articles."""

from __future__ import annotations

from collections.abc import Sequence

from lorafair.translation.language import Gender
from lorafair.translation.morphology import read_gender_by_parses
from lorafair.translation.profession import read_table


def read_gender(tokens: Sequence[str], positions: Sequence[int]) -> Gender:
    """See :func:`lorafair.translation.morphology.read_gender_by_parses`; no positions: unknown."""
    return read_gender_by_parses(tokens, positions, "ru")


PROFESSIONS = read_table("""
accountant: бухгалтер; administrator: администратор; advisee: консультир подопечн подзащитн клиент
advisor: советни консультант; analyst: аналити; appraiser: оценщи; architect: архитектор
assistant: помощни ассистент; attendant: служител служащ дежурн обслуживающ сопровождающ проводни стюард санитар
auditor: аудитор ревизор; baker: пекар булочни; bartender: бармен; broker: брокер маклер; buyer: покупател
bystander: прохож свидетел наблюдател очевид посторонн; carpenter: плотни столяр; cashier: кассир
ceo: генеральн гендиректор директор исполнительн руководител; chef: шеф повар; chemist: химик аптекар
chief: начальни шеф вожд руководител главн; child: ребен ребён дит; cleaner: уборщи чистильщи домработни
clerk: клерк служащ секретар делопроизводител продав приказчи; client: клиент заказчи; construction: строител рабоч
cook: повар кухар; counselor: советни консультант психолог вожат адвокат
customer: клиент покупател заказчи посетител; designer: дизайнер проектировщи конструктор
developer: разработчи застройщи девелопер; dietitian: диетолог; dispatcher: диспетчер; doctor: доктор врач
driver: водител шоф машинист; editor: редактор; educator: педагог воспитател преподавател просветител
electrician: электрик; employee: сотрудни работни служащ; engineer: инженер
examiner: экзаменатор эксперт экзаменующ проверяющ; farmer: фермер крестьян; firefighter: пожарн
guard: охран страж часов сторож караул конвоир; guest: гост; hairdresser: парикмахер
homeowner: домовладел хозя владел собственни; housekeeper: домработни эконом домохозя горничн хозя
hygienist: гигиенист; inspector: инспектор; instructor: инструктор преподавател
investigator: следовател исследовател сыщи; janitor: дворни уборщи сторож вахтер вахтёр привратни швейцар
laborer: рабоч чернорабоч разнорабоч труж работни; lawyer: адвокат юрист; librarian: библиотекар
machinist: машинист слесар станочни механик; manager: менеджер управляющ директор начальни руководител
mechanic: механик слесар автомеханик; mover: грузчи перевозчи движ двигател
nurse: медсестр медбрат сестр нян сиделк санитар; nutritionist: диетолог нутрициолог
officer: офицер сотрудни полицейск служащ чиновни; onlooker: наблюдател зрител зева очевид
owner: владел собственни хозя; painter: художни маляр живопис; paralegal: помощни параюрист юрист паралегал
paramedic: фельдшер парамедик медик; passenger: пассажир; pathologist: патолог патологоанатом
patient: пациент больн; pedestrian: пешеход; pharmacist: фармацевт аптекар провизор
physician: врач доктор терапевт лекар физик; planner: планиров плановик проектировщи организатор
plumber: сантехник водопроводчи; practitioner: практик врач специалист; programmer: программист
protester: протест демонстрант митинг; psychologist: психолог
receptionist: администратор секретар регистратор портье дежурн ресепш приемн приёмн
resident: жител резидент постоял жилец жильц ординатор; salesperson: продав торгов консультант; scientist: учен учён
secretary: секретар; sheriff: шериф; someone: кто$ кто- кого кому кем ком-; specialist: специалист
student: студент учени учащ школьни
supervisor: руководител начальни супервайзер надзирател куратор инспектор контрол; surgeon: хирург; tailor: портн
taxpayer: налогоплательщи; teacher: учител преподавател педагог; technician: техник специалист; teenager: подрост
therapist: терапевт психотерапевт; undergraduate: студент бакалавр старшекурсни выпускни; veterinarian: ветеринар
victim: жертв пострадавш потерпевш; visitor: посетител гост; witness: свидетел; worker: рабоч работни
writer: писател автор
because: потому что поскольку так из-за; before: прежде перед до$; after: после
for: для на$ за$; with: с$ со$; to: к$ ко$; from: от$ у$ из$; asked: попрос спрос у$
""")
