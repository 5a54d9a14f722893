"""Which tests hold the service to each of its five promises: `make test ARGS="-m promise3"`.

1 An acknowledged upload survives kill -9 and power loss.
2 A failed or interrupted upload leaves nothing that any method shows, or that a sweep leaves.
3 Reads never return bytes that differ from those stored.
4 Concurrent operations on one image behave as if in some order; quotas hold exactly.
5 No input ends the process, blocks others for long, takes more memory than configured, or names a
  path.
"""

from __future__ import annotations

SUITES: dict[int, tuple[str, ...]] = {
    1: (
        "contracts/test_directory.py", "contracts/test_group_commit.py",
        "contracts/test_postgres.py", "contracts/test_postgres_failover.py",
        "contracts/test_sql_leases.py", "e2e/test_archive.py",
        "e2e/test_crash.py", "e2e/test_killed_at_each_call.py",
        "e2e/test_killed_before_the_reply.py", "e2e/test_power_loss.py", "e2e/test_remounted.py",
        "unit/test_manager_archive.py", "unit/test_manager_clock.py",
    ),
    2: (
        "component/test_redelivery.py", "contracts/test_blob_store.py",
        "contracts/test_local_archive.py", "contracts/test_local_journal.py",
        "contracts/test_local_store.py", "contracts/test_s3_store.py", "e2e/test_crash.py",
        "e2e/test_failing_disk.py", "e2e/test_full_disk.py", "e2e/test_killed_at_each_call.py",
        "unit/test_manager_faults.py",
    ),
    3: (
        "component/test_damage.py", "component/test_object_storage.py",
        "contracts/test_blob_store_verify.py", "contracts/test_s3_store.py",
        "e2e/test_backup.py", "e2e/test_backup_file.py", "e2e/test_verify_command.py",
        "unit/test_blocks.py", "unit/test_verify.py",
    ),
    4: (
        "component/test_quotas_over_rpc.py", "component/test_redelivery.py",
        "component/test_trash_over_rpc.py", "contracts/test_catalogue_quotas.py",
        "contracts/test_catalogue_trash.py", "e2e/test_killed_before_the_reply.py",
        "unit/test_manager_quotas.py", "unit/test_manager_repeats.py",
        "unit/test_manager_trash.py",
    ),
    5: (
        "component/test_fuzzed_uploads.py", "component/test_limits_over_rpc.py",
        "component/test_survival.py", "contracts/test_sandbox.py", "contracts/test_worker_pool.py",
        "contracts/test_worker_pool_messages.py",
        "corpus/test_hostile_files.py", "e2e/test_last_resort.py", "unit/test_corpus.py",
        "unit/test_corpus_fuzz.py", "unit/test_metadata_hostile.py", "unit/test_payload.py",
    ),
}  # fmt: skip


def marks_of(path: str) -> list[str]:
    """Return the marks of a test module, by its path below tests/."""
    return [f"promise{number}" for number, paths in SUITES.items() if path in paths]
