"""One request of a webhook against a real server: bounded, and never to the inside."""

import ipaddress
import shutil
import socket
import ssl
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as some

from accounts.webhooks import posting, reach
from accounts.webhooks.posting import post

from .receiver import drip, hang_up, late, pour, pour_chunks, receiving, status

HEADERS = {"Content-Type": "application/json"}


@pytest.fixture
def on_loopback(settings):
    """The operator allows this machine, and http."""
    settings.WEBHOOKS_MAY_REACH = ["127.0.0.0/8"]
    settings.WEBHOOKS_ALLOW_HTTP = True


@pytest.fixture
def impatient(monkeypatch):
    """A second, where ten would make the test long."""
    monkeypatch.setattr(posting, "WHOLE", 1)


def send(address):
    return post(address, b'{"says": "hello"}', HEADERS)


def test_the_body_comes_as_it_is_and_the_answer_is_told(on_loopback):
    with receiving(status(202, "taken")) as there:
        answer = send(f"{there.address}?sig=1")

    assert (answer.status, answer.text, answer.is_good) == (202, "taken", True)
    (got,) = there.received
    assert (got.method, got.path, got.body) == ("POST", "/in?sig=1", b'{"says": "hello"}')
    assert got.headers["Host"] == f"127.0.0.1:{there.port}"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_to_the_inside_is_not_followed_but_told(on_loopback, code):
    with receiving() as inside, receiving() as there:
        there.answers.append(status(code, Location=inside.address))
        answer = send(there.address)

    assert inside.received == []
    assert len(there.received) == 1
    assert not answer.is_good
    assert f"points to 127.0.0.1:{inside.port}, where we do not follow" in answer.says


def test_an_answer_that_is_late_counts_as_none(on_loopback, impatient):
    with receiving(late(60)) as there:
        answer = send(there.address)

    assert answer.status is None
    assert "did not answer within 1 seconds" in answer.says
    assert answer.seconds < 3


def test_an_answer_that_comes_a_byte_at_a_time_does_not_hold_us(on_loopback, impatient):
    with receiving(drip) as there:
        answer = send(there.address)

    assert answer.status is None
    assert "did not answer within 1 seconds" in answer.says
    assert answer.seconds < 3


@pytest.mark.parametrize("poured", [pour, pour_chunks])
def test_of_a_gigabyte_little_is_read(on_loopback, poured):
    with receiving(poured) as there:
        answer = send(there.address)

    assert answer.is_good
    assert answer.text == "x" * posting.KEPT
    assert answer.seconds < 3
    # What was taken beyond the 64 kB lay in the two systems' buffers.
    assert there.poured < 32 * 2**20


def test_a_refused_connection_and_one_that_breaks_off_are_told(on_loopback):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        refused = send(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    with receiving(hang_up) as there:
        broken = send(there.address)

    assert refused.status is broken.status is None
    assert "No connection to 127.0.0.1" in refused.says
    assert "broke off before it answered" in broken.says


@pytest.mark.parametrize(
    "address", ["", "https://", "https://[nonsense", "https://h:99999/", "https://h/a\r\nX: y"]
)
def test_an_address_that_is_none_is_told_and_raises_nothing(on_loopback, address):
    """Else its delivery would be rolled back, and come up for ever as if never tried."""
    answer = send(address)

    assert answer.status is None
    assert answer.says


def test_an_answer_that_a_page_cannot_hold_is_made_readable(on_loopback):
    with receiving(status(500, "no\x00 way\x1b[2J\n")) as there:
        answer = send(there.address)

    assert answer.text == "no way[2J"
    assert answer.says == f"127.0.0.1:{there.port} answered 500 (Internal Server Error)."


def test_it_is_told_how_long_to_stay_away(on_loopback):
    with receiving(status(429, Retry_After="120"), status(503, Retry_After="9" * 30)) as there:
        assert send(there.address).wait == 120
        assert send(there.address).wait == posting.LONGEST_WAIT


def test_the_environment_names_no_proxy_for_it(on_loopback, monkeypatch):
    with receiving() as proxy, receiving() as there:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert send(there.address).is_good

    assert proxy.received == []


# --- The inside ---------------------------------------------------------------------------------


def test_loopback_is_refused_unless_it_is_allowed(settings):
    settings.WEBHOOKS_ALLOW_HTTP = True
    with receiving() as there:
        for address in (
            there.address,
            f"http://localhost:{there.port}/",
            f"http://[::ffff:127.0.0.1]:{there.port}/",
            f"http://2130706433:{there.port}/",  # as the system's resolver reads numbers
            f"http://0x7f.1:{there.port}/",
            f"http://0:{there.port}/",
        ):
            answer = send(address)
            assert answer.status is None, address
            assert "is inside" in answer.says, address

    assert there.received == []


def test_a_name_that_leads_to_loopback_is_refused(settings):
    """Every machine resolves its own name, or localhost, to itself."""
    settings.WEBHOOKS_ALLOW_HTTP = True
    with receiving() as there:
        answer = send(f"http://localhost:{there.port}/in")

    assert there.received == []
    assert "localhost leads to" in answer.says
    assert "WEBHOOKS_MAY_REACH" in answer.says


def test_the_connection_is_made_to_the_address_that_was_judged(settings, monkeypatch):
    """A name that is outside when it is judged and inside a moment later: it is asked but once."""
    settings.WEBHOOKS_ALLOW_HTTP = True
    asked, connected = [], []
    outside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 80))]

    def resolver(host, port, **how):
        asked.append(host)
        inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        return outside if len(asked) == 1 else inside

    def connect(self, place):
        connected.append(place)
        raise ConnectionRefusedError("nothing leaves this machine")

    monkeypatch.setattr(reach.socket, "getaddrinfo", resolver)
    monkeypatch.setattr(posting.socket.socket, "connect", connect)
    answer = send("http://rebinding.example/")

    assert asked == ["rebinding.example"]
    assert connected == [("93.184.215.14", 80)]
    assert answer.status is None


def test_a_name_that_leads_to_both_sides_is_refused(settings, monkeypatch):
    settings.WEBHOOKS_ALLOW_HTTP = True
    both = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))
        for address in ("93.184.215.14", "10.0.0.1")
    ]
    monkeypatch.setattr(reach.socket, "getaddrinfo", lambda *args, **how: both)

    assert "leads to 10.0.0.1, which is inside" in send("http://both.example/").says


def test_a_name_that_leads_nowhere_is_told(settings):
    settings.WEBHOOKS_ALLOW_HTTP = True

    assert "no-such.invalid leads nowhere" in send("http://no-such.invalid/").says


INSIDE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",  # shared by providers
    "169.254.1.1",
    "0.0.0.0",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",  # for documents
    "198.18.0.1",  # for measuring
    "::",
    "::1",
    "::7f00:1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",  # NAT64 of 10.0.0.1
    "2002:7f00:1::",  # 6to4 of 127.0.0.1
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",  # Teredo of 10.0.0.1
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fd12:3456::1",
    "ff02::1",
    "2001:db8::1",
]
METADATA = ["169.254.169.254", "168.63.129.16", "fd00:ec2::254", "::ffff:169.254.169.254"]


@pytest.mark.parametrize("address", [*INSIDE, *METADATA])
def test_what_is_inside_is_refused(settings, address):
    with pytest.raises(reach.Inside):
        reach.judge(address, "hook.example")


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"]
)
def test_what_is_outside_may_be_reached(settings, address):
    reach.judge(address, "hook.example")


def test_a_network_or_a_host_may_be_allowed_and_no_more_than_that(settings):
    settings.WEBHOOKS_MAY_REACH = ["10.1.0.0/16", "fd12::/16", "Hooks.Example.internal"]

    reach.judge("10.1.2.3", "hook.example")
    reach.judge("::ffff:10.1.2.3", "hook.example")
    reach.judge("fd12::1", "hook.example")
    reach.judge("192.168.1.1", "hooks.example.INTERNAL.")
    for address in ("10.2.0.1", "127.0.0.1"):
        with pytest.raises(reach.Inside):
            reach.judge(address, "hook.example")


@pytest.mark.parametrize("address", METADATA)
def test_a_clouds_metadata_are_never_allowed(settings, address):
    settings.WEBHOOKS_MAY_REACH = ["0.0.0.0/0", "::/0", "hook.example"]

    with pytest.raises(reach.Inside, match="where a cloud answers"):
        reach.judge(address, "hook.example")


@given(some.ip_addresses(v=4), some.sampled_from(["::ffff:{}", "64:ff9b::{}", "::{}"]))
def test_an_ipv4_address_is_judged_alike_however_it_is_dressed(address, dress):
    def verdict(text):
        try:
            reach.judge(text, "hook.example")
        except reach.Inside:
            return "inside"
        return "outside"

    dressed = dress.format(address)
    if int(ipaddress.ip_address(dressed)) <= 1:
        return  # the unspecified address, and loopback: of their own kind
    expected = verdict(str(address))
    # What stands for an IPv4 address in a reserved space is refused whatever it stands for.
    assert verdict(dressed) == ("inside" if dress == "::{}" else expected)


# --- TLS ----------------------------------------------------------------------------------------


def test_http_is_refused_unless_it_is_allowed(settings):
    settings.WEBHOOKS_MAY_REACH = ["127.0.0.1"]
    with receiving() as there:
        answer = send(there.address)

    assert there.received == []
    assert "must begin with https" in answer.says


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate that signs itself, for 127.0.0.1."""
    if not shutil.which("openssl"):
        pytest.skip("No openssl here to make a certificate with.")
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1"
    command += " -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out certificate.pem"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def tls(certificate):
    """What makes a socket one of TLS, by that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "certificate.pem", certificate / "key.pem")
    return lambda listening: context.wrap_socket(listening, server_side=True)


def test_a_certificate_that_nobody_vouches_for_is_refused(on_loopback, tls):
    with receiving(wrap=tls) as there:
        answer = send(there.address)

    assert there.received == []
    assert f"The certificate of 127.0.0.1:{there.port} does not hold" in answer.says


def test_one_that_the_system_vouches_for_is_not(on_loopback, tls, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "certificate.pem"))
    posting._trust.cache_clear()
    try:
        with receiving(status(200, "by TLS")) as plain, receiving(wrap=tls) as there:
            answer = send(there.address)
            slow = send(there.address.replace(str(there.port), str(plain.port)))
    finally:
        posting._trust.cache_clear()

    assert answer.is_good
    assert len(there.received) == 1
    assert slow.status is None  # a server that speaks no TLS


def test_a_server_that_never_finishes_its_tls_does_not_hold_us(on_loopback, impatient):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        answer = send(f"https://127.0.0.1:{silent.getsockname()[1]}/")

    assert "did not answer within 1 seconds" in answer.says
    assert answer.seconds < 3
