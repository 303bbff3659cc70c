// Preloaded: the time of day, and that since the boot, by which the agent dates
// its samples, run so many times as fast, from a moment that all programs
// share. All other clocks are real, and so is every wait.
//   FAST_CLOCK=BEGIN_UNIX_S:TIMES LD_PRELOAD=fast_clock.so PROGRAM...
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

#define SECOND_NS 1000000000LL

typedef int (*ClockGettime)(clockid_t, struct timespec *);
typedef long (*Syscall)(long, ...);

static ClockGettime real_clock_gettime;
static Syscall real_syscall;
static int64_t begin_ns, times = 1;

static int64_t ns_of(const struct timespec *t) {
  return t->tv_sec * SECOND_NS + t->tv_nsec;
}

static struct timespec timespec_of(int64_t ns) {
  return (struct timespec){ns / SECOND_NS, ns % SECOND_NS};
}

static int64_t real_ns(clockid_t id) {
  struct timespec t = {0, 0};
  real_clock_gettime(id, &t);
  return ns_of(&t);
}

// By how much the fast clocks are ahead.
static int64_t ahead_ns(void) {
  return (times - 1) * (real_ns(CLOCK_REALTIME) - begin_ns);
}

__attribute__((constructor)) static void start(void) {
  if (real_syscall) return;
  real_clock_gettime = (ClockGettime)dlsym(RTLD_NEXT, "clock_gettime");
  real_syscall = (Syscall)dlsym(RTLD_NEXT, "syscall");
  long long begin_s = 0, factor = 1;
  const char *setting = getenv("FAST_CLOCK");
  if (setting && sscanf(setting, "%lld:%lld", &begin_s, &factor) == 2) {
    begin_ns = begin_s * SECOND_NS;
    times = factor;
  }
}

int clock_gettime(clockid_t id, struct timespec *t) {
  start();
  const int failed = real_clock_gettime(id, t);
  if (!failed && (id == CLOCK_REALTIME || id == CLOCK_BOOTTIME)) {
    *t = timespec_of(ns_of(t) + ahead_ns());
  }
  return failed;
}

// Abseil waits until a time of day: as long as it meant to, in real time.
long syscall(long number, ...) {
  start();
  long a[6];
  va_list list;
  va_start(list, number);
  for (int i = 0; i < 6; ++i) a[i] = va_arg(list, long);
  va_end(list);
  struct timespec until;
  if (number == SYS_futex && (a[1] & FUTEX_CLOCK_REALTIME) && a[3]) {
    const int64_t now_ns = real_ns(CLOCK_REALTIME);
    const int64_t left_ns =
        ns_of((const struct timespec *)a[3]) - ahead_ns() - now_ns;
    until = timespec_of(now_ns + (left_ns > 0 ? left_ns : 0));
    a[3] = (long)&until;
  }
  return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
