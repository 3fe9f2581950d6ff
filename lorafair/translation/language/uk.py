"""Ukrainian: gender by dictionary (:mod:`lorafair.translation.morphology`); Ukrainian has no articles."""

from __future__ import annotations

from collections.abc import Sequence

from lorafair.translation.language import Gender
from lorafair.translation.morphology import read_gender_by_parses
from lorafair.translation.profession import read_table


def read_gender(tokens: Sequence[str], positions: Sequence[int]) -> Gender:
    """See :func:`lorafair.translation.morphology.read_gender_by_parses`; no positions: unknown."""
    return read_gender_by_parses(tokens, positions, "uk")


PROFESSIONS = read_table("""
accountant: бухгалтер; administrator: адміністратор; advisee: консульт підопічн підзахисн клієнт
advisor: радни порадни консультант; analyst: аналіти; appraiser: оцінюва оцінщи; architect: архітектор
assistant: помічни асистент; attendant: службов черг обслугов супровод провідни стюард санітар служител
auditor: аудитор ревізор; baker: пекар булочни; bartender: бармен; broker: брокер маклер; buyer: покуп
bystander: перехож свід спостеріга очевид сторонн; carpenter: тесл столяр плотни; cashier: касир
ceo: генеральн гендиректор директор виконавч керівни; chef: шеф кухар; chemist: хімік аптекар
chief: начальни шеф вожд керівни головн; child: дит; cleaner: прибиральни чистильни чистильщи очищува
clerk: клерк службов секретар діловод продав писар; client: клієнт замовни
construction: будівельн будівни робітни робочи; cook: кухар повар
counselor: радни порадни консультант психолог вожат адвокат; customer: клієнт покуп замовни відвідува
designer: дизайнер проектувальни проєктувальни конструктор; developer: розробни забудовни девелопер
dietitian: дієтолог; dispatcher: диспетчер; doctor: доктор лікар; driver: воді шофер машиніст; editor: редактор
educator: педагог вихова виклада освітян; electrician: електрик; employee: співробітни працівни робітни службов
engineer: інженер; examiner: екзаменатор експерт перевіря; farmer: фермер селян; firefighter: пожежн
guard: охорон страж вартов сторож караул конвоїр варт; guest: гіст гост; hairdresser: перукар
homeowner: домовлас господ влас хазя; housekeeper: домробітни економ домогоспод покоїв господ хатн
hygienist: гігієніст; inspector: інспектор; instructor: інструктор виклада; investigator: слідч дослідни детектив
janitor: двірни прибиральни сторож вахтер швейцар воротар; laborer: робітни робочи чорнороб різнороб труд працівни
lawyer: адвокат юрист правни; librarian: бібліотекар; machinist: машиніст слюсар верстатни механік
manager: менеджер керуюч директор начальни керівни управител; mechanic: механік слюсар автомеханік
mover: вантажни перевізни руші рух; nurse: медсестр медбрат сестр нян доглядальни санітар
nutritionist: дієтолог нутриціолог; officer: офіцер співробітни поліц службов чиновни
onlooker: спостеріга гляда очевид роззяв; owner: влас господ хазя; painter: худож маляр живопис
paralegal: помічни юрист паралегал правни; paramedic: фельдшер парамедик медик; passenger: пасажир
pathologist: патолог патологоанатом; patient: пацієнт хвор; pedestrian: пішохід пішоход
pharmacist: фармацевт аптекар провізор; physician: лікар доктор терапевт фізик
planner: планувальни плановик проектувальни організатор; plumber: сантехнік водопровідни
practitioner: практик лікар спеціаліст фахів; programmer: програміст; protester: протест демонстрант мітинг
psychologist: психолог; receptionist: адміністратор секретар реєстратор портьє черг рецепц приймальн
resident: жител мешкан резидент ординатор; salesperson: продав торгов консультант; scientist: вчен учен науков
secretary: секретар; sheriff: шериф; someone: хто кого кому ким когось комусь кимось; specialist: спеціаліст фахів
student: студент учен учн школяр; supervisor: керівни начальни супервайзер наглядач куратор інспектор контролер
surgeon: хірург; tailor: кравец кравц кравчин кравч швачк; taxpayer: платни податков
teacher: вчител учител виклада педагог; technician: технік спеціаліст фахів; teenager: підліт
therapist: терапевт психотерапевт; undergraduate: студент бакалавр випускни; veterinarian: ветеринар
victim: жертв потерпіл постраждал; visitor: відвідува гіст гост; witness: свід; worker: робітни працівни робочи
writer: письменни автор
because: бо тому що оскільки через; before: перш перед до$; after: після
for: для на$ за$; with: з$ із$ зі$; to: до$; from: від$ у$ з$; asked: попрос запита у$ в$
""")
