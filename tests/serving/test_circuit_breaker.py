from serving.circuit_breaker import FIRST_PAUSE, LONGEST_PAUSE, CircuitBreaker


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_a_closed_breaker_allows_everything():
    breaker = CircuitBreaker(Clock())

    assert (breaker.allows, breaker.is_open) == (True, False)
    breaker.succeeded()
    assert (breaker.allows, breaker.is_open) == (True, False)


def test_a_failure_opens_it_for_a_pause_and_a_success_closes_it():
    clock = Clock()
    breaker = CircuitBreaker(clock)

    breaker.failed()
    clock.now += FIRST_PAUSE * 0.9
    during = breaker.allows, breaker.is_open
    clock.now += FIRST_PAUSE * 0.2
    after = breaker.allows, breaker.is_open
    breaker.succeeded()

    assert (during, after) == ((False, True), (True, True))
    assert (breaker.allows, breaker.is_open) == (True, False)


def test_pauses_double_up_to_the_longest():
    clock = Clock()
    breaker, pauses = CircuitBreaker(clock), []
    for _ in range(7):
        breaker.failed()
        started = clock.now
        while not breaker.allows:
            clock.now += FIRST_PAUSE / 2
        pauses.append(clock.now - started)

    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE
    breaker.succeeded()
    breaker.failed()
    clock.now += FIRST_PAUSE
    assert breaker.allows
