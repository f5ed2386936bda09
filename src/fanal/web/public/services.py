"""Names of apps, games and other services that the report form offers as tiles or suggestions. Pure."""

from dataclasses import dataclass

from fanal.formats.report.records import Channel


@dataclass(frozen=True, slots=True)
class OfferedService:
    """A service with a tile in the form: its id in `harmonise`, its name, the channel that it is."""

    id: str
    name: str
    channel: Channel

    @property
    def field(self) -> str:
        """The name of its field in the form."""
        return f"app_{self.id}"


SERVICES = (
    OfferedService("snapchat", "Snapchat", Channel.MESSAGING),
    OfferedService("instagram", "Instagram", Channel.SOCIAL),
    OfferedService("tiktok", "TikTok", Channel.SOCIAL),
    OfferedService("whatsapp", "WhatsApp", Channel.MESSAGING),
    OfferedService("discord", "Discord", Channel.MESSAGING),
    OfferedService("messenger", "Messenger", Channel.MESSAGING),
    OfferedService("telegram", "Telegram", Channel.MESSAGING),
    OfferedService("youtube", "YouTube", Channel.SOCIAL),
    OfferedService("yubo", "Yubo", Channel.SOCIAL),
    OfferedService("twitch", "Twitch", Channel.SOCIAL),
    OfferedService("roblox", "Roblox", Channel.GAME),
    OfferedService("fortnite", "Fortnite", Channel.GAME),
    OfferedService("minecraft", "Minecraft", Channel.GAME),
    OfferedService("playstation", "PlayStation", Channel.GAME),
    OfferedService("xbox", "Xbox", Channel.GAME),
    OfferedService("vrchat", "VRChat", Channel.METAVERSE),
)
MORE_NAMES = (
    "Among Us", "BeReal", "Bigo Live", "Brawl Stars", "Call of Duty", "Clash Royale", "Coco",
    "EA Sports FC", "Facebook", "Free Fire", "Genshin Impact", "Google Chat", "Gorilla Tag", "GTA Online",
    "Horizon Worlds", "Kik", "League of Legends", "LINE", "MYM", "Nintendo Switch", "Omegle", "OmeTV",
    "OnlyFans", "Pinterest", "Rec Room", "Reddit", "Rocket League", "Session", "Signal", "Skype", "Steam",
    "Threads", "Tinder", "Tumblr", "Valorant", "Viber", "VK", "Wattpad", "WeChat", "Wizz", "X (Twitter)",
    "Zepeto",
)  # fmt: skip
"""Names suggested while a person types, besides those with a tile."""
