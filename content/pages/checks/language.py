"""Whether a text is in another language than it was asked for; pure, by its smallest words."""

from content.pages.checks.words import folded
from quality.text import word_set, words_in

#: Frequent words that few of the other languages have.
_FREQUENT = {
    "en": word_set("the and of with for your you is are it this that from which when"),
    "de": word_set("der die das und mit fur ist sie ihr nicht auf den ein eine von dem zu"),
    "fr": word_set("le les des et pour vous est une dans avec votre sur du qui au ce cette"),
    "es": word_set("el los las y para con una su es por del que sus como mas esta"),
    "it": word_set("il gli di e per con una che sono della del nel questo alla piu dei"),
    "pt": word_set("os as e para com uma seu sua do da que em nao mais dos das"),
    "nl": word_set("de het een en met voor van je is op die niet zijn uw dat"),
}
_NAMES = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "pt": "Portuguese",
    "nl": "Dutch",
}
_LEAST_WORDS = 40
#: Of all words, in hundredths: fewer are not the language, as many are another one.
_FEW, _MANY = 4, 12


def other_language(text: str, tag: str) -> str:
    """The name of the language that the text is in instead; "" where it is the right one, or
    nobody can tell."""
    if tag not in _FREQUENT:
        return ""
    words = words_in(folded(text))
    if len(words) < _LEAST_WORDS:
        return ""
    shares = {
        each: 100 * sum([word in known for word in words]) / len(words)
        for each, known in _FREQUENT.items()
    }
    most = max(shares, key=lambda each: shares[each])
    return _NAMES[most] if shares[tag] < _FEW and shares[most] >= _MANY else ""
