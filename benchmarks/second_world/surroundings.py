"""Values that unrelated people share: viral files and pages, exchanges, machines, texts, placeholders."""

from benchmarks.second_world import phrases
from benchmarks.second_world.desks import DESKS
from benchmarks.second_world.facts import Draft, Fact
from benchmarks.second_world.platforms import KEYS
from benchmarks.second_world.stock import Stock

_FILLERS = {
    "emails": ("aucun@aucun.test", "n/a", "test@test.test", "anonyme@anonyme.test"),
    "phones": ("0000", "0000000000", "06 00 00 00 00", "n/a"),
    "devices": ("0000000000000000", "00000000-0000-0000-0000-000000000000", "unknown"),
    "name": ("n/a", "Inconnu", "Je ne sais pas", "???", "Utilisateur supprimé"),
    "handles": ("user", "guest", "inconnu", "Player1", "-"),
}
_MODELS = ("Pixelette 7", "Galaxo S", "iFone 12", "Android 13", "Windows NT 10.0")
_OFFICIAL = ("contact_aide", "stop_danger", "moderation_fr")
_SHOWN_NAMES = (
    "Marie",
    "lucas 🌸",
    "Kévin",
    "~Emma~",
    "Sam",
    "Nico",
    "Леха",
    "ジュン",
    "Lilou ⭐",
    "Papa de Tom",
)
_LOBBIES = (
    "EU-1",
    "serveur 42",
    "general",
    "lobby-fr",
    "https://pastille.test/join/public",
    "https://boisvert-online.test/play",
)
_FRONT_PAGES = (
    "https://pages-perso.test/",
    "https://imagehost.test",
    "https://www.direkto.test/",
    "https://forum-ouvert.test/u/",
)


class Surroundings:
    """Values that unrelated people share: viral files and pages, exchanges, machines, reporters.

    `size` is the number of reports, which sets the number of such values.
    """

    def __init__(self, stock: Stock, size: int) -> None:
        self.stock, self.dice = stock, stock.dice
        self.files = [stock.file() for _ in range(max(8, size // 90))]
        self.pages = [stock.page() for _ in range(max(5, size // 300))]
        self.letters = [
            phrases.chain_letter(number, stock.rare_handle(), stock.short_link())
            for number in range(max(2, size // 2500))
        ]
        self.wallets = [stock.wallet() for _ in range(max(3, size // 3000))]
        self.shops = [stock.iban() for _ in range(max(2, size // 4000))]
        self.machines = [stock.device() for _ in range(max(3, size // 1200))]
        self.reporters = [("emails", stock.email()) for _ in range(max(4, size // 250))]

    def add(self, draft: Draft) -> None:
        """Add to a draft, by chance, placeholders and common values, of the kinds that its sender reports."""
        happens, one, often = self.dice.happens, self.dice.one, self.dice.often_first
        fields, facts = DESKS[draft.desk].fields, draft.facts
        if happens(0.11):
            name = one(tuple(_FILLERS))
            facts.append(Fact("filler", one(_FILLERS[name]), name, trap="placeholder"))
        if "file" in fields and happens(0.2):
            facts.append(
                Fact("file", often(self.files), one("abcd"), trap="viral_file", common=True)
            )
        if "money" in fields and happens(0.12):
            place, pool = one((("WALLET", self.wallets), ("IBAN", self.shops)))
            facts.append(Fact("money", often(pool), place, trap="exchange", common=True))
        if "device" in fields and happens(0.12):
            trap = one(("shared_device", "device_model"))
            value = often(self.machines) if trap == "shared_device" else one(_MODELS)
            facts.append(
                Fact(
                    "device" if trap == "shared_device" else "filler",
                    value,
                    "devices",
                    trap=trap,
                    common=True,
                )
            )
        if not DESKS[draft.desk].platform:
            self._add_to_letter(draft)
        elif happens(0.2):
            facts.append(Fact("filler", one(_SHOWN_NAMES), "name", trap="display_name"))

    def _add_to_letter(self, draft: Draft) -> None:
        happens, one, often = self.dice.happens, self.dice.one, self.dice.often_first
        facts = draft.facts
        if happens(0.09):
            name, value = often(self.reporters)
            facts.append(Fact("reporter", value, name, "REPORTER", trap="reporter", common=True))
        if happens(0.09):
            facts.append(Fact("page", often(self.pages), trap="viral_page", common=True))
        if happens(0.05):
            facts.append(Fact("plain_text", often(self.letters), trap="viral_text"))
        if happens(0.09):
            facts.append(Fact("room", one(_LOBBIES), trap="common_room", common=True))
        if happens(0.07):
            facts.append(Fact("page", one(_FRONT_PAGES), trap="front_page", common=True))
        if happens(0.08) and draft.language in ("fr", "en"):
            facts.append(Fact("mention", one(_OFFICIAL), one(KEYS), trap="official"))
