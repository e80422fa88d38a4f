"""Ten words that two admins compare by telephone.

Made from the transcript of a handshake (``transcript.py``), so they are equal on both sides only when nobody exchanged
a key on the way. Ten words of 256 are 80 bits: somebody in the middle, who has to find an exchange of his own
with the same words while one side's is already fixed, would try 2^79 of them on average.
"""

from collections.abc import Sequence

COUNT = 10

_TEXT = """
acorn agent album almond amber anchor angle april armor artist aspen atlas attic august autumn avenue bakery
balcony ballet bamboo banana banjo banner basil beach beaver bedrock beetle berry bicycle biscuit blossom
bonfire border bread bronze brother bucket bulldog butter cabin cactus camera canyon captain caravan castle
cedar cello cement center chalk chess chimney chorus cinema circus clarinet clover cobalt coconut collar
column compass copper cotton cousin cowboy crown crystal cupboard cushion cyclone daisy dentist desert diesel
doctor dolphin domino donkey dragon drawer eclipse editor effort elbow eleven emerald engine envelope fabric
factory family feather fiddle finger flamingo forest fortune fossil fountain freight friday funnel furnace
gallery garden garlic gazelle geyser giraffe glacier grammar granite grape guitar gypsum harvest hazel helmet
hiccup horizon iceberg igloo indigo insect invoice ivory jaguar jasmine jewel jigsaw journal juniper kangaroo
keyboard kidney kitchen koala ladder lagoon lantern laptop lemon leopard library lilac linen lizard lobster
lyric magnet maple meadow mercury meteor midnight mirror morning mosaic muffin museum mustard napkin nectar
nickel ninety noodle notebook nugget nutmeg nylon oatmeal ocean octopus olive onion opera orange orbit palace
panther paper parrot peanut pebble pelican pencil picnic pigeon pillow pirate plaza potato prism puzzle
pyramid quarry queen quilt quiver rabbit raisin raven razor recipe reptile ribbon rubber sandal scarf school
scissors season sheriff shovel signal silver sleigh snail soccer spider spinach sponge squirrel summer sunset
syrup temple theater thunder toast tornado triangle trumpet tulip turtle twelve umbrella unicorn vanilla
vessel village vinegar violin volcano voyage waffle warrior wedding whisper widow yacht yogurt zebra
"""

WORDS: Sequence[str] = tuple(_TEXT.split())
"""One per byte. Five to eight letters, told apart by their first four, and by three letters at least."""


def safety_words(transcript: bytes) -> tuple[str, ...]:
    """The words for a transcript of 32 bytes, the same on both sides."""
    if len(transcript) != 32:
        raise ValueError("a transcript has 32 bytes")
    return tuple(WORDS[byte] for byte in transcript[:COUNT])
