/* The kernel <-> user ABI: every struct that a BPF map or ring buffer holds. */
#ifndef PLIMSOLL_BPF_EVENTS_H_
#define PLIMSOLL_BPF_EVENTS_H_
#endif /* PLIMSOLL_BPF_EVENTS_H_ */
