"""`slipline load-test`."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from slipline.pipeline.app.cli.client_options import AskedServer, client_options
from slipline.pipeline.app.cli.model_inputs import ArrayRequest, Request, ask, read_requests
from slipline.pipeline.app.cli.terminal import as_text, say, say_json
from slipline.serving.client import AsyncPredictClient, Batching, Signature
from slipline.serving.client.load import Ask, Latencies, Load, Measurement
from slipline.serving.errors import BadRequest

if TYPE_CHECKING:
    from rich.table import Table

LIVE_A_SECOND = 4
LIVE_CALLS = 5000  # the latest, so that a long test does not slow itself down

CLOSED_LOOP = (
    "closed loop: each caller waits for its answer before it asks again, so a server that stalls is asked less, and "
    "the stall counts once for each caller (coordinated omission); --rate measures what users would see"
)
OPEN_LOOP = (
    "open loop: calls fall due at random times whatever the server does, and latency counts from when they were due, "
    "so stalls count in full (no coordinated omission)"
)


@click.command("load-test")
@click.argument("model")
@click.argument("files", nargs=-1)
@client_options
@click.option("--concurrency", type=click.IntRange(min=1), default=None, help="Callers at once; with --rate, at most.")
@click.option("--rate", "rate_per_s", type=click.FloatRange(min=0, min_open=True), help="Calls a second: an open loop.")
@click.option("--duration", "duration_s", type=click.FloatRange(min=0, min_open=True), default=10.0, help="Seconds.")
@click.option(
    "--warm-up", "warm_up_s", type=click.FloatRange(min=0), default=1.0, help="Seconds before that do not count."
)
@click.option("--rows", type=click.IntRange(min=1), default=1, help="In each made-up request.")
@click.option("--client-batching", is_flag=True, help="Let callers share requests.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def load_test(
    model: str,
    files: tuple[str, ...],
    asked: AskedServer,
    concurrency: int | None,
    rate_per_s: float | None,
    duration_s: float,
    warm_up_s: float,
    rows: int,
    client_batching: bool,
    as_json: bool,
) -> None:
    """Measure how fast MODEL answers under load.

    FILES are sent in turn, as `slipline predict` takes them; without any, requests are made up from the model's
    signature, all zeros. The load comes from one process, which takes part of a processor itself.
    """
    requests = read_requests(files) if files else []
    load = Load(
        concurrency=concurrency or (1 if rate_per_s is None else 1000),
        duration_s=duration_s,
        warm_up_s=warm_up_s,
        rate_per_s=rate_per_s,
    )
    measurement = Measurement(load)

    async def measure() -> None:
        batching = Batching() if client_batching else None
        async with AsyncPredictClient.connect(
            asked.targets, model, timeout_s=asked.timeout_s, settings=asked.settings, batching=batching
        ) as client:
            asking = await _asking(client, asked, requests, rows)
            with _live(measurement, quiet=as_json):
                await measurement.run(asking)

    asyncio.run(measure())
    if as_json:
        say_json(_plain(measurement))
    else:
        _show(measurement)


async def _asking(client: AsyncPredictClient, asked: AskedServer, requests: list[Request], rows: int) -> Ask:
    """Makes the requests in turn; the first is tried, so that a load of errors ends before it begins."""
    if not requests:
        signature = await client.signature(asked.signature or "", version=asked.version, label=asked.label)
        requests = [ArrayRequest(name="zeros", inputs=zeros(signature, rows))]
    turns = cycle(requests)

    async def ask_next() -> None:
        await ask(client, next(turns), asked, asked.label)

    await ask_next()
    return ask_next


def zeros(signature: Signature, rows: int) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
    """Inputs of that many rows, zeros or empty strings; other sizes that may be any are 1.

    Raises:
      BadRequest: An input has a dtype that cannot be made up.
    """
    made = {}
    for name, spec in signature.inputs.items():
        if spec.dtype is None:
            raise BadRequest(f"input {name!r} takes {spec}, which cannot be made up; give FILES")
        shape = [1 if size is None else size for size in spec.shape or ()]
        if spec.shape and spec.shape[0] is None:
            shape[0] = rows
        made[name] = np.full(shape, b"", object) if spec.dtype.hasobject else np.zeros(shape, spec.dtype)
    return made


def _live(measurement: Measurement, *, quiet: bool) -> AbstractContextManager[object]:
    """Shows how it goes while the block runs, on a terminal."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, quiet=quiet)
    if quiet or not console.is_terminal:
        return nullcontext()
    shown = partial(_table, measurement, latest=True)
    return Live(console=console, get_renderable=shown, refresh_per_second=LIVE_A_SECOND, transient=True)


def _table(measurement: Measurement, *, latest: bool = False) -> Table:
    from rich.table import Table

    seconds = measurement.latencies_s[-LIVE_CALLS:] if latest else measurement.latencies_s
    latencies = Latencies.of(seconds)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    warming = " (warming up)" if measurement.begin_s is None else ""
    rows = [
        ("time", f"{measurement.elapsed_s:.1f} s of {measurement.load.duration_s:g} s{warming}"),
        ("answers", f"{len(measurement.latencies_s):,}"),
        ("throughput", f"{measurement.answers_per_s:,.1f} /s"),
        ("errors", ", ".join(f"{count:,} {name}" for name, count in measurement.errors.items()) or "0"),
        ("mean", _milliseconds(latencies.mean_s)),
        *((f"p{percentile:g}", _milliseconds(found_s)) for percentile, found_s in latencies.percentiles_s.items()),
        ("longest", _milliseconds(latencies.max_s)),
    ]
    for row in rows:
        table.add_row(*map(as_text, row))
    return table


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


def _show(measurement: Measurement) -> None:
    from rich.console import Console

    load = measurement.load
    how = f"at {load.rate_per_s:g} calls/s, up to" if load.rate_per_s else "with"
    Console().print(_table(measurement))
    say(f"{how} {load.concurrency} under way at once, {'open' if load.rate_per_s else 'closed'} loop")
    say(OPEN_LOOP if load.rate_per_s else CLOSED_LOOP)


def _plain(measurement: Measurement) -> dict[str, Any]:
    latencies = Latencies.of(measurement.latencies_s)
    percentiles = {f"p{key:g}_ms": value * 1000 for key, value in latencies.percentiles_s.items()}
    return {
        "loop": "closed" if measurement.load.rate_per_s is None else "open",
        "coordinated_omission": measurement.load.rate_per_s is None,
        "concurrency": measurement.load.concurrency,
        "rate_per_s": measurement.load.rate_per_s,
        "seconds": measurement.elapsed_s,
        "answers": latencies.count,
        "answers_per_s": measurement.answers_per_s,
        "errors": dict(measurement.errors),
        "latency": {
            "mean_ms": latencies.mean_s * 1000,
            **percentiles,
            "max_ms": latencies.max_s * 1000,
        },
    }
