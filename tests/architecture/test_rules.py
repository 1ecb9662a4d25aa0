"""Each rule holds in the whole tree, and each was seen to catch what it is there for."""

import ast

import pytest

from tests.architecture import rules, tree

# Where every failure of a job is caught, where the methods of a body's own values and errors are called, and where the
# error of one row is kept from all other rows.
JUDGES = {
    "celery_ledger/running/delivery.py": 2,
    "celery_ledger/ledger/outages.py": 1,
    "celery_ledger/settling/outcome.py": 1,
    "celery_ledger/values/texts.py": 1,
    "celery_ledger/values/wire.py": 1,
}
# The tests of Celery's own eager mode, which the ledger leaves to its users.
EAGER = {"test_rules", "test_bases"}
# It hands the environment on to the process that it starts, and reads nothing out of it.
#: Neither reads a setting: one hands the environment on, one sets what billiard reads.
HANDS_ON = {"celery_ledger/running/bootstep.py", "celery_ledger/running/worker_process.py"}

CAUGHT = [
    (rules.job_bodies_of_more_than_one_call, "@job('a')\ndef f(x):\n    '''d'''\n    y = g(x)\n    h(y)"),
    (rules.job_bodies_of_more_than_one_call, "@job('a')\ndef f(x):\n    if x: h(x)"),
    (rules.queries_in_a_door, "def get(self):\n    return Video.objects.all()"),
    (rules.queries_in_a_door, "def get(self):\n    return queries.mine().filter(a=1)"),
    (rules.transactions_in_a_door, "with transaction.atomic():\n    pass"),
    (rules.transactions_in_a_door, "@transaction.atomic\ndef f(): pass"),
    (rules.save_overrides, "class A(Model):\n    def save(self): pass"),
    (rules.signal_receivers, "from django.db.models.signals import post_save"),
    (rules.own_retries, "def f(self):\n    raise self.retry(countdown=5)"),
    (rules.reads_of_the_environment, "import os\nos.environ['A']"),
    (rules.reads_of_the_environment, "import os\nos.getenv('A')"),
    (rules.reads_of_the_environment, "from os import environ"),
    (rules.broad_handlers, "try: f()\nexcept Exception: pass"),
    (rules.broad_handlers, "try: f()\nexcept (OSError, BaseException) as error: log(error)"),
    (rules.broad_handlers, "try: f()\nexcept: pass"),
    (rules.log_events_that_are_no_constant, "log.info(f'job {x} done')"),
    (rules.log_events_that_are_no_constant, "log.info('Job done')"),
    (rules.comparisons_of_passwords, "user.check_password('a')"),
    (rules.comparisons_of_passwords, "from django.contrib.auth.hashers import check_password"),
    (rules.reads_of_the_clients_address, "request.META['REMOTE_ADDR']"),
    (rules.reads_of_the_clients_address, "request.META.get('HTTP_X_FORWARDED_FOR')"),
    (rules.eager_mode, "settings.CELERY_TASK_ALWAYS_EAGER = True"),
    (rules.eager_mode, "app.conf.update(task_always_eager=True)"),
]
LET_PASS = [
    (rules.job_bodies_of_more_than_one_call, "@job('a')\ndef f(x):\n    '''d'''\n    return g(x)"),
    (rules.queries_in_a_door, "queryset = Video.objects.none()"),
    (rules.own_retries, "control.retry(job_id)"),
    (rules.broad_handlers, "try: f()\nexcept BaseException:\n    clean_up()\n    raise"),
    (rules.broad_handlers, "try: f()\nexcept OSError: pass"),
    (rules.log_events_that_are_no_constant, "log.info('job_done', job_id=1)"),
]


@pytest.mark.parametrize(("rule", "source"), CAUGHT)
def test_the_rule_catches(rule, source):
    assert list(rule(ast.parse(source)))


@pytest.mark.parametrize(("rule", "source"), LET_PASS)
def test_the_rule_lets_pass(rule, source):
    assert not list(rule(ast.parse(source)))


def broken(rule, paths, *, free=()):
    return [
        f"{tree.name_of(path)}:{line}"
        for path in paths
        if tree.name_of(path) not in free
        for line in rule(tree.parsed(path))
    ]


@pytest.mark.parametrize(
    "rule", [rules.job_bodies_of_more_than_one_call, rules.queries_in_a_door, rules.transactions_in_a_door]
)
def test_a_door_makes_one_call_inward(rule):
    assert not broken(rule, tree.doors())


@pytest.mark.parametrize(
    "rule",
    [rules.save_overrides, rules.signal_receivers, rules.own_retries, rules.log_events_that_are_no_constant],
)
def test_everywhere(rule):
    assert not broken(rule, tree.modules())


def test_only_one_module_reads_the_environment():
    assert not broken(rules.reads_of_the_environment, tree.modules(), free={"config/env.py", *HANDS_ON})


def test_every_failure_is_caught_in_few_places():
    assert not broken(rules.broad_handlers, tree.modules(), free=set(JUDGES))
    for name, count in JUDGES.items():
        judge = [path for path in tree.modules() if tree.name_of(path) == name]
        assert len(broken(rules.broad_handlers, judge)) == count, name


def test_one_module_compares_passwords():
    assert not broken(
        rules.comparisons_of_passwords, tree.modules(), free={"accounts/password_checks/password_check.py"}
    )


def test_one_module_says_what_the_address_of_a_client_is():
    # The second one asks whether the peer sits at this machine, and refuses whoever comes through a proxy.
    free = {"api/throttle.py", "web/locality.py"}
    assert not broken(rules.reads_of_the_clients_address, tree.modules(), free=free)


def test_no_test_runs_tasks_eagerly():
    assert not broken(rules.eager_mode, [path for path in tree.tests() if path.stem not in EAGER])
