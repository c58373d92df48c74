"""The executors of one session, which share what is known of its board."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from belay_actors.executors._deployments import Deployments
from belay_actors.executors._host import ExecutorHost
from belay_actors.executors._programs import SetupExecutor, TeardownExecutor
from belay_actors.executors._tasks import TaskExecutor
from belay_actors.executors._threads import ThreadExecutor
from belay_actors.functions import DeviceProgram, GeneratorTask, ThreadFunction
