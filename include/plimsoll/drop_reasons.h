/* Why something that was seen did not become a figure. One list for BPF, agent
 * and collector: every loss has a reason here, a counter named
 * plimsoll_dropped_total{reason="..."} and a place in the UI. C, because BPF
 * programs include it. Append only: the numbers are in stored data.
 */
#ifndef PLIMSOLL_DROP_REASONS_H_
#define PLIMSOLL_DROP_REASONS_H_

/* X(NAME, number, "label", "what was lost and what to do about it") */
#define PLIMSOLL_DROP_REASONS(X)                                               \
  X(NONE, 0, "none", "nothing was lost")                                       \
  X(RING_FULL, 1, "ring_full", "the kernel ring buffer was full")              \
  X(MAP_FULL, 2, "map_full", "a kernel map held its last entry")               \
  X(BAD_RECORD, 3, "bad_record", "a kernel record had a wrong size or kind")   \
  X(STACK_READ_FAULT, 4, "stack_read_fault",                                   \
    "a Python frame could not be read in BPF (paged out, or torn)")            \
  X(STACK_TOO_DEEP, 5, "stack_too_deep", "a stack was cut at its bound")       \
  X(NO_THREAD_STATE, 6, "no_thread_state",                                     \
    "the thread held no Python thread state (native thread, or GIL free)")     \
  X(PROCESS_GONE, 7, "process_gone", "the process ended while it was read")    \
  X(HEAP_READ_FAULT, 8, "heap_read_fault",                                     \
    "a page of the heap could not be read")                                    \
  X(INSPECTOR_CRASHED, 9, "inspector_crashed",                                 \
    "the sandboxed parser died on this target; the target is refused")         \
  X(INSPECTOR_TIMEOUT, 10, "inspector_timeout",                                \
    "the sandboxed parser passed its deadline")                                \
  X(CPU_BUDGET, 11, "cpu_budget", "the agent's own CPU budget was spent")      \
  X(PROBE_BUDGET, 12, "probe_budget",                                          \
    "a window was refused or closed because of its cost")                      \
  X(SPOOL_FULL, 13, "spool_full",                                              \
    "the spool's bound was reached; the oldest batches were dropped")          \
  X(SPOOL_CORRUPT, 14, "spool_corrupt", "a spooled record failed its check")   \
  X(SPOOL_WRITE, 15, "spool_write", "the spool could not be written")          \
  X(BATCH_TOO_LARGE, 16, "batch_too_large", "a batch was over the size bound") \
  X(INVALID_MESSAGE, 17, "invalid_message",                                    \
    "a message did not decode or broke a rule of its schema")                  \
  X(FUTURE_TIMESTAMP, 18, "future_timestamp",                                  \
    "a sample's time was ahead of the collector's clock past the tolerance")   \
  X(DUPLICATE, 19, "duplicate", "the batch had been stored already")           \
  X(SERIES_LIMIT, 20, "series_limit", "too many series for one process")       \
  X(STORE_WRITE, 21, "store_write", "the store refused a write")               \
  X(NOTIFY_FAILED, 22, "notify_failed", "a notifier gave up on a message")     \
  X(UNSUPPORTED_PYTHON, 23, "unsupported_python",                              \
    "the interpreter cannot be read; tier 0 still is")                         \
  X(BAD_REQUEST_FILE, 24, "bad_request_file",                                  \
    "a request-count file of the target could not be parsed")                  \
  X(LABEL_LIMIT, 25, "label_limit",                                            \
    "too many label values; the rest is counted as __other__")                 \
  X(OLD_TIMESTAMP, 26, "old_timestamp",                                        \
    "a sample was older than what the collector keeps")                        \
  X(WALK_BUSY, 27, "walk_busy", "a stack was not walked: no walk slot was free")

enum plimsoll_drop_reason {
#define PLIMSOLL_DROP_ENUM(name, number, label, text) \
  PLIMSOLL_DROP_##name = number,
  PLIMSOLL_DROP_REASONS(PLIMSOLL_DROP_ENUM)
#undef PLIMSOLL_DROP_ENUM
      PLIMSOLL_DROP_REASON_COUNT = 28
};

#endif /* PLIMSOLL_DROP_REASONS_H_ */
