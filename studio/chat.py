"""Conversations with language models, built in order."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from studio.accounts import Accounts
from studio.household import Household
from studio.services.assets import AssetService
from studio.services.assists import AssistService
from studio.services.chat_calls import ChatCalls
from studio.services.chat_news import ChatNews
from studio.services.chat_pictures import ChatPictures
from studio.services.chat_presets import ChatPresetService
from studio.services.chat_replies import ChatReplies
from studio.services.chat_tools import ChatTools
from studio.services.chats import ChatService
from studio.services.feed import Feed
from studio.services.films import FilmService
from studio.services.history import HistoryService
from studio.services.jobs import JobService
from studio.services.language import Language, time_for
from studio.services.run_estimates import RunEstimates
from studio.store.chat_messages import MessageStore
from studio.store.chat_presets import ChatPresetStore
from studio.store.chats import ChatStore
from studio.store.films import FilmStore
from studio.store.workflows import WorkflowStore
from studio.web.assists_api import assist_routes
from studio.web.chat_presets_api import chat_preset_routes
from studio.web.chats_api import chat_routes
from studio.web.films_api import film_routes
from studio.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Chat:
    """Conversations, for the routes and for the parts that hold some elsewhere."""

    chats: ChatService
    replies: ChatReplies
    presets: ChatPresetService
    router: APIRouter

    def routes(self) -> list[APIRouter]:
        """Everything over HTTP."""
        return [self.router]

    def background(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """Replies have tasks of their own."""
        return []

    async def close(self) -> None:
        """End every reply with what it has."""
        await self.replies.close()


async def open_chat(
    house: Household,
    workshop: Workshop,
    accounts: Accounts,
    *,
    assets: AssetService,
    jobs: JobService,
    history: HistoryService,
    language: Language,
    feed: Feed,
) -> Chat:
    """The services over an opened database; what the Studio before was writing broke off."""
    db, clock = house.db, house.clock
    store, messages = ChatStore(db), MessageStore(db)
    await messages.interrupt(clock.now_ms())
    presets = ChatPresetService(
        presets=ChatPresetStore(db), clock=clock, record=house.activity.record
    )
    tools = ChatTools(
        presets=workshop.presets.presets,
        batches=workshop.presets.batches,
        workflows=workshop.workflows,
        jobs=jobs,
        estimates=RunEstimates(usual_ms=history.usual_ms, past=messages.recent_runs),
    )
    pictures, news = ChatPictures(assets), ChatNews(feed.tell)
    replies = ChatReplies(
        language=language,
        chats=store,
        messages=messages,
        calls=ChatCalls(tools=tools, messages=messages, clock=clock),
        pictures=pictures,
        news=news,
        clock=clock,
        is_live=accounts.is_live,
    )
    chats = ChatService(
        chats=store,
        messages=messages,
        presets=presets,
        replies=replies,
        assets=assets,
        news=news,
        require=accounts.quotas.require,
        clock=clock,
    )
    assists = AssistService(
        language=language,
        pictures=pictures,
        require=time_for(language, accounts.quotas.require),
    )
    films = FilmService(
        films=FilmStore(db),
        presets=workshop.presets.presets,
        workflows=WorkflowStore(db),
        news=news,
        clock=clock,
    )
    router = APIRouter()
    router.include_router(
        chat_routes(chats=chats, replies=replies, language=language, is_live=accounts.is_live)
    )
    router.include_router(chat_preset_routes(presets))
    router.include_router(assist_routes(assists, accounts.is_live))
    router.include_router(film_routes(films))
    return Chat(chats, replies, presets, router)
