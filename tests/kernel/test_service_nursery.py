"""Service nurseries: services outlive the body, even its cancellation, and end after it."""

# the body of a nursery is what these tests are about

from collections.abc import Callable
from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from belay_actors.kernel import Actor, open_service_nursery

StartActor = Callable[..., Actor]


class Service:
    """A service that notes how it fares."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    async def __call__(self) -> None:
        self.steps.append("started")
        try:
            await trio.sleep_forever()
        finally:
            self.steps.append("ended")


async def answer() -> int:
    await trio.lowlevel.checkpoint()
    return 42


async def cancel_soon(scope: trio.CancelScope) -> None:
    await wait_all_tasks_blocked()
    scope.cancel()


async def unplugged() -> None:
    await trio.lowlevel.checkpoint()
    raise OSError("unplugged")


async def test_services_end_after_the_body() -> None:
    service = Service()
    async with open_service_nursery() as services:
        services.start_soon(service, name="service")
        await wait_all_tasks_blocked()
        assert service.steps == ["started"]
    assert service.steps == ["started", "ended"]


async def test_a_service_is_usable_in_the_bodys_cleanup_after_an_outer_cancellation(
    start_actor: StartActor,
) -> None:
    actor = start_actor(serves=False)
    answers: list[int] = []
    with trio.CancelScope() as outer:
        async with open_service_nursery() as services:
            services.start_soon(actor.serve, name="actor")
            try:
                outer.cancel()
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    answers.append(await actor.ask(answer))
    assert outer.cancelled_caught
    assert answers == [42]


async def test_services_end_after_the_body_when_it_is_cancelled() -> None:
    service = Service()
    steps_in_cleanup: list[str] = []
    with trio.CancelScope() as outer:
        async with open_service_nursery() as services:
            services.start_soon(service, name="service")
            await wait_all_tasks_blocked()
            try:
                outer.cancel()
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await wait_all_tasks_blocked()
                    steps_in_cleanup.extend(service.steps)
    assert steps_in_cleanup == ["started"]
    assert service.steps == ["started", "ended"]


async def test_a_service_started_in_the_bodys_cleanup_serves(start_actor: StartActor) -> None:
    actor = start_actor(serves=False)
    answers: list[int] = []
    with trio.CancelScope() as outer:
        async with open_service_nursery() as services:
            try:
                outer.cancel()
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    services.start_soon(actor.serve, name="actor")
                    answers.append(await actor.ask(answer))
    assert answers == [42]


async def test_a_failing_service_cancels_the_body_and_comes_out() -> None:
    was_cancelled = False
    with pytest.raises(ExceptionGroup) as caught:
        async with open_service_nursery() as services:
            services.start_soon(unplugged, name="service")
            try:
                await trio.sleep_forever()
            except trio.Cancelled:
                was_cancelled = True
                raise
    assert was_cancelled
    assert [type(error) for error in caught.value.exceptions] == [OSError]


async def test_other_services_survive_a_failing_one_until_the_body_has_ended() -> None:
    service = Service()
    steps_in_cleanup: list[str] = []
    with pytest.raises(ExceptionGroup):
        async with open_service_nursery() as services:
            services.start_soon(service, name="service")
            await wait_all_tasks_blocked()
            services.start_soon(unplugged, name="failing")
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await wait_all_tasks_blocked()
                    steps_in_cleanup.extend(service.steps)
    assert steps_in_cleanup == ["started"]
    assert service.steps == ["started", "ended"]


async def test_a_service_that_fails_while_it_ends_comes_out() -> None:
    async def end_badly() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise OSError("unplugged")

    with pytest.raises(ExceptionGroup) as caught:
        async with open_service_nursery() as services:
            services.start_soon(end_badly, name="service")
            await wait_all_tasks_blocked()
    assert caught.group_contains(OSError)


async def test_a_service_that_has_had_no_turn_before_the_end_never_starts() -> None:
    service = Service()
    async with open_service_nursery() as services:
        services.start_soon(service, name="service")
    assert service.steps == []


async def test_a_service_that_has_had_no_turn_before_a_failing_body_never_starts() -> None:
    service = Service()
    with pytest.raises(ValueError, match="of the body"):
        async with open_service_nursery() as services:
            services.start_soon(service, name="service")
            raise ValueError("of the body")
    assert service.steps == []


async def test_services_may_be_ended_before_the_body() -> None:
    service = Service()
    async with open_service_nursery() as services:
        services.start_soon(service, name="service")
        await wait_all_tasks_blocked()
        services.cancel()
        await wait_all_tasks_blocked()
        assert service.steps == ["started", "ended"]


async def test_an_actor_that_cannot_recover_is_no_failure_of_a_service(
    start_actor: StartActor,
) -> None:
    """It ends, and tells its callers; the body is not cancelled."""
    actor = start_actor(serves=False, recover=unplugged)
    async with open_service_nursery() as services:
        services.start_soon(actor.serve, name="actor")
        with trio.CancelScope() as scope:
            services.start_soon(partial(cancel_soon, scope), name="canceller")
            await actor.ask(trio.sleep_forever)
        with pytest.raises(OSError):  # noqa: PT011  # which one is told in test_ending
            await actor.ask(answer)
        await trio.lowlevel.checkpoint()
