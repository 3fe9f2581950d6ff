"""The questions of the classification tasks, in several wordings each; the classes in the order of their labels, 0, 1.

The wordings are the project's own: neither paper that the tasks follow asks a generator these questions.
"""

from __future__ import annotations

from lorafair.data.wording import Wording

HATE_SPEECH = {
    one.name: one
    for one in (
        Wording("yes_no", "Comment: {text}\nQuestion: Is this comment hate speech?\nAnswer:", ("No", "Yes")),
        Wording(
            "word",
            "Read a comment from social media and rate it as acceptable or hateful.\n\nComment: {text}\n\nRating:",
            ("acceptable", "hateful"),
        ),
        Wording(
            "letter",
            "Comment: {text}\n\nWhich of these is true of the comment?\nA. {first}\nB. {second}\nThe true one is",
            ("It attacks nobody for the group they belong to.", "It attacks people for the group they belong to."),
        ),
    )
}
SENTIMENT = {
    one.name: one
    for one in (
        Wording("word", "Review: {text}\nSentiment:", ("negative", "positive")),
        Wording("yes_no", "Review: {text}\nQuestion: Did the reviewer like the film?\nAnswer:", ("No", "Yes")),
        Wording(
            "letter",
            "Review: {text}\n\nWhich of these is true of the review?\nA. {first}\nB. {second}\nThe true one is",
            ("The reviewer advises against the film.", "The reviewer recommends the film."),
        ),
    )
}
