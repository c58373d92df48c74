"""Body nurseries: which error comes out, when the body, its children, or both have one."""

# the body of a nursery is what these tests are about

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from belay_actors.kernel import open_body_nursery


class Leaving:
    """Notes that the body was left, and in which company."""

    def __init__(self) -> None:
        self.children_running: list[bool] = []
        self.is_child_running = False

    async def __call__(self) -> None:
        with trio.CancelScope(shield=True):
            await wait_all_tasks_blocked()
        self.children_running.append(self.is_child_running)

    async def child(self) -> None:
        self.is_child_running = True
        try:
            await trio.sleep_forever()
        finally:
            self.is_child_running = False


async def leave() -> None:
    await trio.lowlevel.cancel_shielded_checkpoint()


async def unplugged() -> None:
    await trio.lowlevel.cancel_shielded_checkpoint()
    raise OSError("unplugged")


def make_failure(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    return RuntimeError(f"{len(failures.exceptions)} failed")


async def test_the_body_may_end_without_an_error() -> None:
    leaving = Leaving()
    async with open_body_nursery(leaving) as nursery:
        nursery.start_soon(leaving.child)
        await wait_all_tasks_blocked()
    assert leaving.children_running == [True]
    assert not leaving.is_child_running


async def test_leave_comes_after_a_failing_body_and_before_its_children_end() -> None:
    leaving = Leaving()
    with pytest.raises(ValueError, match="of the body"):
        async with open_body_nursery(leaving) as nursery:
            nursery.start_soon(leaving.child)
            await wait_all_tasks_blocked()
            raise ValueError("of the body")
    assert leaving.children_running == [True]
    assert not leaving.is_child_running


@pytest.mark.parametrize("error_type", [ValueError, KeyboardInterrupt, SystemExit, StopIteration])
async def test_an_error_of_the_body_comes_out_bare(error_type: type[BaseException]) -> None:
    error = error_type("of the body")
    with pytest.raises(error_type) as caught:
        async with open_body_nursery(leave) as nursery:
            nursery.start_soon(trio.sleep_forever)
            await wait_all_tasks_blocked()
            raise error
    assert caught.value is error
    assert error.__cause__ is None
    assert error.__context__ is None


async def test_a_group_raised_by_the_body_comes_out_as_it_is() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with open_body_nursery(leave):
            raise ExceptionGroup("of the body", [ValueError(), KeyError()])
    assert [type(error) for error in caught.value.exceptions] == [ValueError, KeyError]


async def test_failed_children_cancel_the_body_and_come_out_as_a_group() -> None:
    body_was_cancelled = False
    with pytest.raises(ExceptionGroup) as caught:
        async with open_body_nursery(leave) as nursery:
            nursery.start_soon(unplugged)
            try:
                await trio.sleep_forever()
            except trio.Cancelled:
                body_was_cancelled = True
                raise
    assert body_was_cancelled
    assert [type(error) for error in caught.value.exceptions] == [OSError]


async def test_failed_children_come_out_through_make_failure_with_their_group_as_cause() -> None:
    with pytest.raises(RuntimeError, match="1 failed") as caught:
        async with open_body_nursery(leave, make_failure) as nursery:
            nursery.start_soon(unplugged)
            await trio.sleep_forever()
    cause = caught.value.__cause__
    assert type(cause) is ExceptionGroup
    assert "OSError('unplugged')" in str(cause.args)


async def test_a_child_that_fails_while_it_is_being_ended_has_failed() -> None:
    async def end_badly() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise OSError("unplugged")

    with pytest.raises(RuntimeError, match="1 failed"):
        async with open_body_nursery(leave, make_failure) as nursery:
            nursery.start_soon(end_badly)
            await wait_all_tasks_blocked()


async def test_the_bodys_error_beats_those_of_children_and_gets_notes_of_them() -> None:
    error = ValueError("of the body")
    with pytest.raises(ValueError, match="of the body") as caught:
        async with open_body_nursery(leave, make_failure) as nursery:
            nursery.start_soon(unplugged)
            nursery.start_soon(unplugged)
            try:
                await trio.sleep_forever()
            finally:
                raise error
    assert caught.value is error
    assert len(error.__notes__) == 2
    assert all("OSError('unplugged')" in note for note in error.__notes__)


async def test_the_bodys_error_gets_no_note_when_no_child_failed() -> None:
    with pytest.raises(ValueError, match="of the body") as caught:
        async with open_body_nursery(leave) as nursery:
            nursery.start_soon(trio.sleep_forever)
            raise ValueError("of the body")
    assert not hasattr(caught.value, "__notes__")


async def test_an_outer_cancellation_stays_a_bare_cancelled() -> None:
    seen: list[BaseException] = []
    with trio.CancelScope() as outer:
        try:
            async with open_body_nursery(leave, make_failure) as nursery:
                nursery.start_soon(trio.sleep_forever)
                nursery.start_soon(trio.sleep_forever)
                outer.cancel()
                await trio.sleep_forever()
        except BaseException as error:
            seen.append(error)
            raise
    assert outer.cancelled_caught
    assert [type(error) for error in seen] == [trio.Cancelled]


async def test_an_outer_cancellation_of_a_body_that_is_over_stays_cancelled() -> None:
    async def cancel_and_leave() -> None:
        outer.cancel()
        await trio.lowlevel.cancel_shielded_checkpoint()

    seen: list[BaseException] = []
    with trio.CancelScope() as outer:
        try:
            async with open_body_nursery(cancel_and_leave) as nursery:
                nursery.start_soon(trio.sleep_forever)
                await wait_all_tasks_blocked()
            await trio.lowlevel.checkpoint()
        except BaseException as error:
            seen.append(error)
            raise
    assert outer.cancelled_caught
    assert [type(error) for error in seen] == [trio.Cancelled]


async def test_children_that_fail_in_an_outer_cancellation_come_out() -> None:
    async def end_badly() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise OSError("unplugged")

    with pytest.raises(RuntimeError, match="1 failed"), trio.CancelScope() as outer:
        async with open_body_nursery(leave, make_failure) as nursery:
            nursery.start_soon(end_badly)
            await wait_all_tasks_blocked()
            outer.cancel()
            await trio.sleep_forever()


async def test_cancelled_is_taken_out_of_a_group_that_the_body_raises() -> None:
    """As a nursery inside of the body raises it, when a child fails in its cleanup."""
    with trio.CancelScope() as outer, pytest.raises(ExceptionGroup) as caught:
        async with open_body_nursery(leave):
            outer.cancel()
            try:
                await trio.sleep_forever()
            except trio.Cancelled as cancelled:
                raise BaseExceptionGroup("mixed", [cancelled, ValueError()]) from None
    assert [type(error) for error in caught.value.exceptions] == [ValueError]


async def test_a_group_of_nothing_but_cancelled_is_an_outer_cancellation() -> None:
    seen: list[BaseException] = []
    with trio.CancelScope() as outer:
        try:
            async with open_body_nursery(leave):
                outer.cancel()
                try:
                    await trio.sleep_forever()
                except trio.Cancelled as cancelled:
                    raise BaseExceptionGroup("nested", [cancelled]) from None
        except BaseException as error:
            seen.append(error)
            raise
    assert [type(error) for error in seen] == [trio.Cancelled]


async def test_a_body_that_cancels_its_own_nursery_just_ends() -> None:
    reached = False
    async with open_body_nursery(leave) as nursery:
        nursery.cancel_scope.cancel()
        await trio.lowlevel.checkpoint()
        reached = True
    assert not reached
