"""Arabic: gender by tāʾ marbūṭa, as in the published evaluation."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from lorafair.translation.language import Gender
from lorafair.translation.profession import read_table

TA_MARBUTA = "ة"


def read_gender(tokens: Sequence[str], positions: Sequence[int]) -> Gender:
    """Female if any of the words has a tāʾ marbūṭa (ة), otherwise male: there is no neuter.

    A convention of the published evaluation and no morphology: a man's title with such a word in it (عامل النظافة, the
    cleaner) is read as female, words without it that speak of women (أم, حامل, plurals in ـات) as male.  Presentation
    forms of the letter count; vowel signs and punctuation after it do not matter.

    Returns:
        ``unknown`` where there are no positions, and where no token there has an Arabic letter.
    """
    text = unicodedata.normalize("NFKC", " ".join(tokens[at] for at in positions))
    if not any(char.isalpha() and unicodedata.name(char, "").startswith("ARABIC") for char in text):
        return "unknown"
    return "female" if TA_MARBUTA in text else "male"


# What is written together with the next word: the, and, to, in, as, so, and two of them.
_PREFIXES = ("", "ال", "لل", "ل", "و", "وال", "ب", "بال", "ك", "كال", "ف", "فال")
_STEMS = read_table("""
accountant: محاسب; administrator: مسؤول مدير إدار مشرف; advisee: مستشار مسترشد متلق منصوح; advisor: مستشار مرشد
analyst: محلل; appraiser: مثمن مقي مقيم خبير; architect: مهندس معمار; assistant: مساعد
attendant: مضيف مرافق مساعد حاضر خادم عامل موظف; auditor: مدقق مراجع مراقب; baker: خباز; bartender: نادل ساق بارمان
broker: وسيط سمسار; buyer: مشتر; bystander: متفرج مار عابر شاهد; carpenter: نجار; cashier: صراف أمين كاشير محاسب
ceo: رئيس مدير تنفيذ; chef: شيف طاه طباخ; chemist: كيميائ صيدل; chief: رئيس قائد زعيم مدير; child: طفل
cleaner: منظف عامل نظاف; clerk: كاتب موظف; client: عميل زبون موكل; construction: عامل بناء عمال; cook: طباخ طاه طبخ
counselor: مستشار مرشد; customer: عميل زبون; designer: مصمم; developer: مطور مبرمج; dietitian: أخصائ اختصاص خبير تغذ
dispatcher: مرسل موزع منسق; doctor: طبيب دكتور; driver: سائق; editor: محرر; educator: مرب معلم مدرس
electrician: كهربائ; employee: موظف; engineer: مهندس; examiner: فاحص ممتحن مفتش; farmer: مزارع فلاح
firefighter: رجل إطفائ إطفاء; guard: حارس حرس; guest: ضيف; hairdresser: حلاق مصفف كوافير; homeowner: صاحب مالك
housekeeper: مدبر خادم عامل منزل; hygienist: أخصائ اختصاص صحة خبير; inspector: مفتش; instructor: مدرب معلم مدرس مرشد
investigator: محقق باحث; janitor: بواب عامل حارس فراش; laborer: عامل; lawyer: محام; librarian: أمين مكتب
machinist: ميكانيك عامل فن; manager: مدير; mechanic: ميكانيك; mover: محرك ناقل نقل عامل; nurse: ممرض
nutritionist: أخصائ اختصاص خبير تغذ; officer: ضابط شرط موظف مسؤول; onlooker: متفرج مشاهد ناظر; owner: مالك صاحب
painter: رسام دهان; paralegal: مساعد قانون; paramedic: مسعف; passenger: راكب مسافر; pathologist: طبيب أخصائ اختصاص
patient: مريض; pedestrian: مشا ماش مار; pharmacist: صيدل; physician: طبيب; planner: مخطط; plumber: سباك
practitioner: ممارس طبيب; programmer: مبرمج; protester: متظاهر محتج; psychologist: طبيب أخصائ عالم نفس
receptionist: موظف استقبال مستقبل; resident: مقيم ساكن; salesperson: بائع مندوب موظف مبيعات; scientist: عالم
secretary: سكرتير أمين; sheriff: شريف عمد مأمور شرط; someone: شخص أحد; specialist: أخصائ اختصاص متخصص مختص
student: طالب تلميذ; supervisor: مشرف; surgeon: جراح; tailor: خياط; taxpayer: دافع ممول مكلف ضرائب
teacher: معلم مدرس أستاذ; technician: فن تقن; teenager: مراهق; therapist: معالج; undergraduate: طالب جامع
veterinarian: طبيب بيطر; victim: ضحي; visitor: زائر; witness: شاهد; worker: عامل; writer: كاتب مؤلف
because: لأن بسبب; before: قبل; after: بعد
with: مع$; to: إلى$; from: من$
""")
PROFESSIONS = {word: tuple(p + stem for stem in stems for p in _PREFIXES) for word, stems in _STEMS.items()}
