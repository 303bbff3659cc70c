// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A program that does nothing: what is left of a hit is the trap itself. */
/* Kernel types stand before libbpf's headers. */
// clang-format off
#include "bpf/kernel.bpf.h"
#include <bpf/bpf_helpers.h>
// clang-format on

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("uprobe")
int handle_nothing(struct pt_regs *ctx) { return 0; }
