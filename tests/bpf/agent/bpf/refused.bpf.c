// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What no verifier takes: a number is read as an address. */
/* Kernel types stand before libbpf's headers. */
// clang-format off
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
// clang-format on

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("perf_event")
int handle_refused(void *ctx) { return *(volatile int *)(long)7; }
