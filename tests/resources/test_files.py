"""Temporary files on a real file system: only ever in a directory of the test's own."""

# A scope is under test, so it is what stands in pytest.raises():
# pyright: reportPossiblyUnboundVariable=none

from pathlib import Path

import pytest

from belay_actors import (
    Device,
    DeviceSessionManager,
    RemoteOSError,
    ResourceCleanupError,
    Session,
    SessionResource,
    TemporaryFileResource,
)


def files_in(place: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in place.iterdir() if path.is_file()}


EVERY_BYTE = bytes(range(256))


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 1025, 5000])
async def test_d09_a_file_holds_its_content_and_is_removed(
    device: Device, manager: DeviceSessionManager, tmp_path: Path, size: int
) -> None:
    content = (EVERY_BYTE * 20)[:size]
    async with manager.open_session(device) as session:
        file = await TemporaryFileResource.create(
            session, suffix=".bin", directory=str(tmp_path), content=content
        )
        assert isinstance(file, SessionResource)
        assert (file.resource_id, file.resource_type) == (file.path, "TemporaryFile")
        assert file.estimated_cost == size
        assert files_in(tmp_path) == {file.path: content}
        assert file.path.endswith(".bin")
        assert await session.evaluate(f"open({file.path!r}, 'rb').read()") == content
    assert files_in(tmp_path) == {}
    assert session.report is not None
    assert session.report.is_clean
    assert session.report.names_dropped == 0


async def test_d09_files_have_different_names(session: Session, tmp_path: Path) -> None:
    for _ in range(3):
        await TemporaryFileResource.create(session, directory=f"{tmp_path}/")
    assert len(files_in(tmp_path)) == 3


async def test_d09_a_file_that_is_there_already_can_be_registered_and_may_be_gone(
    device: Device, manager: DeviceSessionManager, tmp_path: Path
) -> None:
    here, gone = tmp_path / "it's here", tmp_path / "gone"
    here.write_text("x")
    async with manager.open_session(device) as session:
        for path in (here, gone):
            session.resources.register_resource(TemporaryFileResource(session, str(path)))
    assert not here.exists()
    assert session.report is not None
    assert session.report.resources_released == (str(gone), str(here))


async def test_d09_cleanup_twice_removes_once(session: Session, tmp_path: Path) -> None:
    file = await TemporaryFileResource.create(session, directory=str(tmp_path))
    await file.cleanup()
    assert files_in(tmp_path) == {}
    await session.execute(f"open({file.path!r}, 'w').close()")  # of somebody else
    await file.cleanup()
    assert files_in(tmp_path) == {file.path: b""}


async def test_d09_without_its_directory_nothing_is_left(session: Session, tmp_path: Path) -> None:
    with pytest.raises(RemoteOSError, match="ENOENT"):
        await TemporaryFileResource.create(session, directory=str(tmp_path / "nowhere"))
    assert session.resources.get_active_resources() == ()


async def test_d09_what_cannot_be_removed_is_told(
    device: Device, manager: DeviceSessionManager, tmp_path: Path
) -> None:
    place = tmp_path / "directory"
    place.mkdir()
    with pytest.raises(ResourceCleanupError) as caught:
        async with manager.open_session(device) as session:
            session.resources.register_resource(TemporaryFileResource(session, str(place)))
    assert isinstance(caught.value.exceptions[0], RemoteOSError)
    assert place.exists()


async def test_d09_bad_paths_are_refused_before_anything_is_sent(
    session: Session, tmp_path: Path
) -> None:
    calls = session.calls
    for suffix, kind in (("/x", ValueError), ("\0", ValueError), (5, TypeError)):
        with pytest.raises(kind):
            await TemporaryFileResource.create(session, suffix=suffix, directory=str(tmp_path))  # type: ignore[arg-type]  # pyright: ignore
    with pytest.raises(TypeError):
        await TemporaryFileResource.create(session, directory=str(tmp_path), content="text")  # type: ignore[arg-type]  # pyright: ignore
    for path in ("", "\0", "\ud800"):
        with pytest.raises(ValueError, match=r"path|NUL|surrogates"):
            TemporaryFileResource(session, path)
    assert session.calls == calls
