"""Tasks that are started and never awaited: each waits for an event for ever."""
import asyncio
import threading

_loop = asyncio.new_event_loop()
threading.Thread(target=_loop.run_forever, daemon=True).start()
_tasks = set()


async def follow(order, done):  # LEAK
    status = {"order": order}
    await done.wait()  # LEAK
    return status


def start(order):
    done = asyncio.Event()
    task = _loop.create_task(follow(order, done))  # LEAK
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


def churn():
    return follow(0, None).close()


def handle(number):
    _loop.call_soon_threadsafe(start, number)
