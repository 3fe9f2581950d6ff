"""Hebrew: gender by the last letter, as in the published evaluation."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from lorafair.translation.language import Gender
from lorafair.translation.profession import read_table

FEMININE = ("ת", "ה")
OBJECT_MARKER = "את"
_IN_WORD = "\"'`´‘’“”״׳"  # an abbreviation's quotation marks (מנכ"ל) are part of the word
_BREAK = re.compile(r"[^\w]+|_")


def read_gender(tokens: Sequence[str], positions: Sequence[int]) -> Gender:
    """Female if any of the words ends in ת or ה, otherwise male: there is no neuter.

    A convention of the published evaluation and no morphology: masculine words in ה (מורה, קונה, רואה חשבון) are read
    as female, and so are those in a ת of their root (שרת) or in the plural in ־ות.  The marker of the object, את, is no
    word of the person.  Parts of a hyphenated word count each; vowel points do not count.

    Returns:
        ``unknown`` where there are no positions, and where no token there has a Hebrew letter.
    """
    words = [word for at in positions for word in _split(tokens[at])]
    if not words:
        return "unknown"
    return "female" if any(word.endswith(FEMININE) for word in words if word != OBJECT_MARKER) else "male"


def _split(token: str) -> list[str]:
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", token) if c not in _IN_WORD and not unicodedata.combining(c)
    )
    return [word for word in _BREAK.split(plain) if any("א" <= char <= "ת" for char in word)]


# Words that are written together with the next: the, to, in, from, that, and, when, in two's where that is usual.
_PREFIXES = ("", "ה", "ל", "ב", "מ", "ש", "ו", "וה", "של", "שה", "כש", "כשה", "מה", "לה")
_STEMS = read_table("""
accountant: רוא חשבון חשב; administrator: מנהל אדמיניסטר; advisee: נועצ נועץ מיועצ מיועץ מודרכ מודרך
advisor: יועצ יועץ; analyst: אנליסט מנתח; appraiser: שמא מעריכ מעריך; architect: אדריכל ארכיטקט
assistant: עוזר אסיסטנט סייע; attendant: דייל מלוו משרת סדרן שרת מטפל נוכח; auditor: מבקר רוא אודיטור; baker: אופ
bartender: ברמנ ברמן מוזג; broker: מתווכ מתווך ברוקר סוכנ סוכן; buyer: קונ רוכש; bystander: עובר צופ עומד
carpenter: נגר; cashier: קופא; ceo: מנכ מנהל; chef: שפ שף טבח; chemist: כימא רוקח
chief: ראש מפקד צ'יפ צ'יף מנהל ראשי; child: ילד; cleaner: מנק עובד ניקיון נקיון; clerk: פקיד לבלר; client: לקוח
construction: פועל עובד בני בונ; cook: טבח מבשל; counselor: יועצ יועץ; customer: לקוח; designer: מעצב
developer: מפתח יזמ יזם; dietitian: דיאט תזונא; dispatcher: מוקדנ מוקדן סדרנ סדרן שולח משגר; doctor: רופא דוקטור
driver: נהג נהגת; editor: עורכ עורך; educator: מחנכ מחנך אשת איש; electrician: חשמלא; employee: עובד
engineer: מהנדס; examiner: בוחנ בוחן בודק; farmer: חקלא איכר; firefighter: כבא לוחמ לוחם אש
guard: שומר מאבטח סוהר משמר; guest: אורח; hairdresser: ספר מעצב מספר; homeowner: בעל
housekeeper: סוכנ סוכן עוזר משק חדרנ חדרן מנהל; hygienist: שיננ שינן היגיינ; inspector: מפקח פקח בודק
instructor: מדריכ מדריך מורה מור; investigator: חוקר; janitor: שרת שוער מנק אב; laborer: פועל עובד
lawyer: עורכ עורך עוה פרקליט; librarian: ספרנ ספרן; machinist: מכונא מכונאי; manager: מנהל; mechanic: מכונא מוסכניק
mover: מוביל מזיז סבל; nurse: אח; nutritionist: תזונא דיאט; officer: קצינ קצין שוטר; onlooker: צופ מתבוננ מתבונן
owner: בעל; painter: צייר צבע; paralegal: עוזר פרליגל משפטנ משפטן; paramedic: פרמדיק חובש; passenger: נוסע
pathologist: פתולוג; patient: מטופל חול פציינט; pedestrian: הולכ הולך; pharmacist: רוקח; physician: רופא
planner: מתכננ מתכנן; plumber: שרברב אינסטלטור; practitioner: מטפל מתרגל רופא עוסק
programmer: מתכנת תוכניתנ תוכניתן; protester: מפגינ מפגין מוחה מוח; psychologist: פסיכולוג; receptionist: פקיד קבלה
resident: תושב דייר מתמח; salesperson: מוכר איש אשת זבנ זבן; scientist: מדענ מדען; secretary: מזכיר
sheriff: שריפ שריף; someone: מישה; specialist: מומח; student: סטודנט תלמיד; supervisor: מפקח ממונ אחרא מנהל משגיח
surgeon: מנתח כירורג; tailor: חייט תופר; taxpayer: משלמ משלם נישומ נישום; teacher: מור; technician: טכנא
teenager: נער מתבגר בנ בן בת; therapist: מטפל תרפיסט; undergraduate: סטודנט תואר בוגר; veterinarian: וטרינר
victim: קורבנ קורבן קרבן; visitor: מבקר אורח; witness: עד; worker: עובד פועל; writer: סופר כותב כתב
because: כי משום בגלל מפני; before: לפני; after: לאחר אחרי
with: עם$; of: של$
""")
PROFESSIONS = {word: tuple(p + stem for stem in stems for p in _PREFIXES) for word, stems in _STEMS.items()}
