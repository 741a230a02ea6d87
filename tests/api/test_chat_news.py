"""What other pages hear of conversations: their user's own alone, the owner's too."""

from __future__ import annotations

from tests.api.chats import ask, begin, good, member, over, say
from tests.api.live_client import LiveClient, listen
from tests.api.studio_process import OWNER_KEY, RunningStudio
from tests.fakes.talker import Talker


def heard(client: LiveClient) -> list[tuple[str, str]]:
    return [
        (each["event"], each["data"]["id"])
        for each in client.messages
        if each["type"] == "event" and each["topic"] == "chats"
    ]


async def test_every_page_of_a_person_hears_of_their_conversations_and_nobody_else(
    talker: Talker, talking_studio: RunningStudio
) -> None:
    url = talking_studio.url
    with member(talking_studio) as other:
        cookie = "; ".join(f"{name}={value}" for name, value in other.cookies.items())
        browser = {"Cookie": cookie, "Origin": url}
        async with listen(url, None, browser) as theirs, listen(url, OWNER_KEY) as owners:
            assert await theirs.snapshot("chats") == await owners.snapshot("chats") == {}
            chat = begin(other)
            talker.will_say("Hello.")
            ask(other, chat, "Hello?")
            good(other.patch(f"/api/chats/{chat}", json={"title": "Renamed"}))
            assert other.delete(f"/api/chats/{chat}").status_code == 204
            gone = {"event": "removed", "data": {"id": chat}}
            await theirs.until(lambda said: gone.items() <= said.items())
            await owners.barrier()
    told = heard(theirs)
    assert {id_ for _, id_ in told} == {chat}
    assert [event for event, _ in told].count("changed") >= 4
    assert told[-1] == ("removed", chat)
    # The owner of the Studio sees everybody's jobs, but nobody's conversations.
    assert heard(owners) == []


async def test_a_page_that_was_cut_off_hears_of_what_it_missed(
    talker: Talker, talking_studio: RunningStudio
) -> None:
    with talking_studio.client() as chatting:
        chat = begin(chatting)
        async with listen(talking_studio.url, OWNER_KEY) as before:
            await before.snapshot("chats")
        talker.will_say("Yes.")
        say(chatting, chat, "Are you there?")
        async with listen(talking_studio.url, OWNER_KEY) as client:
            await client.subscribe("chats", after=before.last)
            begun = await client.until(lambda said: said["type"] == "event")
        # What is still to be said would be taken from the next test.
        assert over(chatting, chat)["text"] == "Yes."
    assert begun["data"] == {"id": chat, "writing": True}
