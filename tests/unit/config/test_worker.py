from celery import signals


def test_celery_leaves_the_root_logger_alone():
    assert signals.setup_logging.receivers
