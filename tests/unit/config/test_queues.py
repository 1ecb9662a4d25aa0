from config import queues


def test_every_queue_says_why_it_is_one():
    assert [queue.name for queue in queues.queues()] == list(queues.WHY)
    assert all(queues.WHY.values())


def test_no_two_queues_share_an_exchange():
    exchanges = [queue.exchange.name for queue in queues.queues()]

    assert len(set(exchanges)) == len(exchanges)


def test_every_queue_is_of_short_or_of_long_jobs():
    assert sorted(queues.SHORT + queues.LONG) == sorted(queues.NAMES)


def test_the_default_is_one_of_them():
    assert queues.DEFAULT in queues.NAMES
