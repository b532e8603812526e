"""How a client connects and asks; every default is here."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import grpc

from slipline.serving.client.observer import Observer
from slipline.serving.client.request_log import RequestLog


class Router(Protocol):
    """Which label a key goes to; always the same one for the same key, and quickly, as every call asks it.

    Any function from text to text is one, for example:

        router=lambda key: "canary" if crc32(key.encode()) % 100 < 5 else "stable"
    """

    def __call__(self, key: str, /) -> str:
        """The label for `key`, which names what must not hop between versions: a user, a session."""


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """When a call that changes nothing on a server is tried again, always within its deadline.

    Attributes:
      max_attempts: In all; 1 means no retries.
      first_pause_s: Before the second attempt on the same server, at most: each pause is drawn at random from 0 up to
        its limit, which doubles from one attempt to the next. A server not yet tried is asked at once.
      longest_pause_s: No limit grows beyond this.
      attempt_timeout_s: How long one attempt may take, so that another server is asked in place of one that hangs; by
        default the whole time limit of the call.
      budget_share: Retries and hedges, as a share of the calls: a server in trouble gets at most so much more load.
        Requests for which no connection could be made do not count.
      budget_reserve: Retries that are allowed beyond that share, such as when a server ends with many calls under way.
    """

    max_attempts: int = 5
    first_pause_s: float = 0.02
    longest_pause_s: float = 1.0
    attempt_timeout_s: float | None = None
    budget_share: float = 0.2
    budget_reserve: int = 100

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise ValueError(f"max_attempts must be at least 1, got {self.max_attempts}")
        if not 0 <= self.first_pause_s <= self.longest_pause_s:
            raise ValueError(
                f"first_pause_s must be from 0 to longest_pause_s, got {self.first_pause_s} and {self.longest_pause_s}"
            )
        if self.attempt_timeout_s is not None and self.attempt_timeout_s <= 0:
            raise ValueError(f"attempt_timeout_s must be above 0, got {self.attempt_timeout_s}")
        if self.budget_share < 0 or self.budget_reserve < 0:
            raise ValueError(f"a budget must be at least 0, got {self.budget_share} and {self.budget_reserve}")


@dataclass(frozen=True, kw_only=True)
class Hedging:
    """Asks a second time where an answer is late, and takes whichever answer comes first.

    Attributes:
      delay_s: How late; near the 95th percentile of the latency it costs some 5 % more requests.
    """

    delay_s: float

    def __post_init__(self) -> None:
        if self.delay_s < 0:
            raise ValueError(f"delay_s must be at least 0, got {self.delay_s}")


@dataclass(frozen=True, kw_only=True)
class Ejection:
    """When one of several servers is left alone for a while, after which a single request tries it.

    Attributes:
      failures: After so many in a row.
      gone_s: For how long, where connections are refused or break, or a model is missing that others have: short, as
        such a try costs a caller little, and the next server may be restarted as soon as this one is back.
      hung_s: For how long, where a time limit was over.
    """

    failures: int = 2
    gone_s: float = 0.3
    hung_s: float = 10.0

    def __post_init__(self) -> None:
        if self.failures < 1:
            raise ValueError(f"failures must be at least 1, got {self.failures}")
        if self.gone_s < 0 or self.hung_s < 0:
            raise ValueError(f"gone_s and hung_s must be at least 0, got {self.gone_s} and {self.hung_s}")


@dataclass(frozen=True, kw_only=True)
class KeepAlive:
    """Pings that find dead connections.

    Attributes:
      every_s: While calls are under way. gRPC's servers, TensorFlow Serving too, close a connection with
        `too_many_pings` if it pings more often than every 300 s without data, so go lower only if yours allows it.
      timeout_s: A connection is dead when a ping, or sent data, is not acknowledged for so long.
      when_idle: Whether to ping without calls under way, too; servers allow that every two hours unless told otherwise.
    """

    every_s: float = 300.0
    timeout_s: float = 20.0
    when_idle: bool = False


@dataclass(frozen=True, kw_only=True)
class Tls:
    """Encryption, and who both sides are.

    Attributes:
      root_certificates: Who signs servers' certificates, PEM; by default whom gRPC trusts.
      private_key: The client's, PEM, for mutual TLS; together with `certificate`.
      certificate: The client's, PEM, with those between it and its authority.
      server_name: The name in the server's certificate, where it is not the host of the target.
    """

    root_certificates: bytes | None = None
    private_key: bytes | None = field(default=None, repr=False)
    certificate: bytes | None = None
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.private_key is None) != (self.certificate is None):
            raise ValueError("mutual TLS takes private_key and certificate together, got one of them alone")

    @classmethod
    def from_files(
        cls,
        root_certificates: Path | None = None,
        private_key: Path | None = None,
        certificate: Path | None = None,
        *,
        server_name: str | None = None,
    ) -> Tls:
        """The same from PEM files.

        Raises:
          OSError: One cannot be read.
        """

        def read(file: Path | None) -> bytes | None:
            return None if file is None else file.read_bytes()

        return cls(
            root_certificates=read(root_certificates),
            private_key=read(private_key),
            certificate=read(certificate),
            server_name=server_name,
        )


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """How a client connects and asks.

    Attributes:
      timeout_s: For each call, retries and the look at the signature included, unless the call says otherwise.
      check_signature: Whether to hold inputs against the model's signature before they are sent.
      retry: For calls that change nothing on a server.
      hedging: None for no hedges.
      ejection: With several targets.
      keep_alive: Of the connections.
      tls: None for plain text.
      bearer_token: Sent with each call, or a function that returns the one of the moment. Refused without `tls`, but to
        this machine itself.
      plain_text_token: Lets the token out without `tls`, for networks that encrypt by themselves.
      compression: Of requests; answers are compressed as the server likes.
      max_message_bytes: Of requests and answers; by default no limit but gRPC's own 2 GiB.
      router: Chooses the label of calls that name a `key`.
      request_log: Records a sample of requests and answers.
      observers: Are told of each call.
      random: Draws pauses and, among servers equally busy, one of them.
    """

    timeout_s: float = 10.0
    check_signature: bool = True
    retry: RetryPolicy = RetryPolicy()
    hedging: Hedging | None = None
    ejection: Ejection = Ejection()
    keep_alive: KeepAlive = KeepAlive()
    tls: Tls | None = None
    bearer_token: str | Callable[[], str] | None = field(default=None, repr=False)
    plain_text_token: bool = False
    compression: grpc.Compression = grpc.Compression.NoCompression
    max_message_bytes: int | None = None
    router: Router | None = None
    request_log: RequestLog | None = None
    observers: Sequence[Observer] = ()
    random: random.Random = field(default_factory=random.Random, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.timeout_s < float("inf"):
            raise ValueError(f"timeout_s must be a number of seconds of at least 0, got {self.timeout_s}")
        if self.max_message_bytes is not None and self.max_message_bytes < 1:
            raise ValueError(f"max_message_bytes must be at least 1, got {self.max_message_bytes}")

    @classmethod
    def given(cls, settings: ClientSettings | None, timeout_s: float | None) -> ClientSettings:
        """Those settings or the defaults, with that time limit if there is one."""
        settings = settings or cls()
        return settings if timeout_s is None else replace(settings, timeout_s=timeout_s)
