/* A file system that fails on command, for programs that reach theirs through libc: preload it, then call `faultfs_arm`.
 *
 * Calls on files below one folder are counted, by kind; at the N-th the process is killed (before, after, or in the middle
 * of a write), or the call fails with an error, or it is slow. With a trace every change is written down in the order
 * in which it was done, with what the process acknowledged in between: `power.py` replays it into what a disk could hold
 * after a power cut. The wall clock can be set off by any amount; the monotonic clock never is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { SYNC = 1, WRITE = 2, NAME = 4, READ = 8 };
enum { NOTHING, KILL_BEFORE, KILL_AFTER, KILL_TORN, FAIL, SHORT, SLOW };
#define FILES 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static size_t folder_length;
static int armed, kinds, action, error_number, ack_fd = -1, trace_fd = -1;
static long count_at, span, pause_us, calls, fired;
static double clock_offset;
static struct { ino_t ino; int below, shared; } files[FILES];

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

static int below(const char *path) {
    return folder_length && path && !strncmp(path, folder, folder_length) &&
           (path[folder_length] == '/' || !path[folder_length]);
}

static int is_shared_memory(const char *path) {
    size_t length = strlen(path);
    return length > 4 && !strcmp(path + length - 4, "-shm");
}

static void put(const void *data, size_t length) {
    const char *at = data;
    while (length) {
        ssize_t done = syscall(SYS_write, trace_fd, at, length);
        if (done <= 0) _exit(99);
        at += done;
        length -= done;
    }
}

/* One entry: what, inode, offset or flag, length of the first text, length of the second, both. */
static void trace(char what, ino_t ino, int64_t number, const void *one, size_t one_length, const void *two, size_t two_length) {
    if (trace_fd < 0) return;
    struct __attribute__((packed)) { char what; uint64_t ino; int64_t number; uint32_t one, two; } head =
        {what, ino, number, one_length, two_length};
    put(&head, sizeof head);
    if (one_length) put(one, one_length);
    if (two_length) put(two, two_length);
}

/* What to do at this call. Called with the lock held; may never come back. */
static int due(int kind) {
    if (!armed || !(kinds & kind)) return NOTHING;
    calls++;
    if (calls < count_at || (span >= 0 && calls >= count_at + span)) return NOTHING;
    if (action == NOTHING) return NOTHING;
    fired++;
    if (action == KILL_BEFORE) syscall(SYS_kill, getpid(), SIGKILL);
    if (action == SLOW) {
        struct timespec rest = {pause_us / 1000000, pause_us % 1000000 * 1000};
        pthread_mutex_unlock(&lock);
        nanosleep(&rest, NULL);
        pthread_mutex_lock(&lock);
        return NOTHING;
    }
    return action;
}

static void after(int what) {
    if (what == KILL_AFTER || what == KILL_TORN) syscall(SYS_kill, getpid(), SIGKILL);
}

/* The lock in a child that was forked while another thread held it would be held for ever. */
static void fresh(void) { pthread_mutex_init(&lock, NULL); }
__attribute__((constructor)) static void begin(void) { pthread_atfork(NULL, NULL, fresh); }

void faultfs_arm(const char *where, int of_kinds, long at, int what, int error, long how_many, long pause) {
    pthread_mutex_lock(&lock);
    strncpy(folder, where, sizeof folder - 1);
    folder_length = strlen(folder);
    kinds = of_kinds, count_at = at, action = what, error_number = error, span = how_many, pause_us = pause;
    calls = fired = 0;
    armed = 1;
    pthread_mutex_unlock(&lock);
}
void faultfs_disarm(void) { armed = 0; }
long faultfs_calls(void) { return calls; }
long faultfs_fired(void) { return fired; }
void faultfs_trace(int to, int acknowledged_on) { trace_fd = to; ack_fd = acknowledged_on; }
void faultfs_clock(double seconds) { clock_offset = seconds; }

static int opened(int fd, const char *path, int created, int truncated) {
    struct stat about;
    if (fd >= 0 && fd < FILES) {
        files[fd].below = below(path);
        if (files[fd].below && !fstat(fd, &about)) {
            files[fd].ino = about.st_ino;
            files[fd].shared = is_shared_memory(path);
            if (!files[fd].shared) {
                trace(S_ISDIR(about.st_mode) ? 'd' : created ? 'c' : 'o', about.st_ino, 0, path, strlen(path), NULL, 0);
                if (truncated && !created) trace('t', about.st_ino, 0, NULL, 0, NULL, 0);
            }
        }
    }
    return fd;
}

static int open_below(const char *path, int flags, mode_t mode) {
    pthread_mutex_lock(&lock);
    int fd, created = (flags & O_CREAT) && syscall(SYS_access, path, F_OK) != 0;
    int what = created ? due(NAME) : NOTHING;
    if (what == FAIL || what == SHORT) {
        errno = error_number;
        fd = -1;
    } else {
        fd = opened(syscall(SYS_openat, AT_FDCWD, path, flags, mode), path, created, flags & O_TRUNC);
        after(what);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

#define OPENING(name) \
    int name(const char *path, int flags, ...) { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        if (below(path)) return open_below(path, flags, mode); \
        REAL(int, name, const char *, int, ...); \
        int fd = real(path, flags, mode); \
        if (fd >= 0 && fd < FILES) files[fd].below = 0; \
        return fd; \
    }
OPENING(open)
OPENING(open64)

int close(int fd) {
    if (fd >= 0 && fd < FILES) files[fd].below = 0;
    return syscall(SYS_close, fd);
}

static ssize_t changed(int fd, const void *data, size_t length, off_t at) {
    pthread_mutex_lock(&lock);
    int what = due(WRITE);
    ssize_t done;
    if (what == FAIL) {
        errno = error_number;
        done = -1;
    } else {
        size_t part = what == KILL_TORN || what == SHORT ? length / 2 : length;
        done = at < 0 ? syscall(SYS_write, fd, data, part) : syscall(SYS_pwrite64, fd, data, part, at);
        if (done > 0 && !files[fd].shared) {
            if (at < 0) at = syscall(SYS_lseek, fd, 0, SEEK_CUR) - done;
            trace('w', files[fd].ino, at, data, done, NULL, 0);
        }
        after(what);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

#define BELOW(fd) ((fd) >= 0 && (fd) < FILES && files[fd].below)

ssize_t write(int fd, const void *data, size_t length) {
    if (BELOW(fd)) return changed(fd, data, length, -1);
    if (fd == ack_fd && fd >= 0) {
        pthread_mutex_lock(&lock);
        trace('a', 0, 0, data, length, NULL, 0);
        ssize_t done = syscall(SYS_write, fd, data, length);
        pthread_mutex_unlock(&lock);
        return done;
    }
    return syscall(SYS_write, fd, data, length);
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) {
    return BELOW(fd) ? changed(fd, data, length, at) : syscall(SYS_pwrite64, fd, data, length, at);
}
ssize_t pwrite64(int fd, const void *data, size_t length, off_t at) { return pwrite(fd, data, length, at); }

static ssize_t reading(int fd, void *data, size_t length, off_t at) {
    if (BELOW(fd)) {
        pthread_mutex_lock(&lock);
        int what = due(READ);
        pthread_mutex_unlock(&lock);
        if (what == FAIL || what == SHORT) return errno = error_number, -1;
    }
    return at < 0 ? syscall(SYS_read, fd, data, length) : syscall(SYS_pread64, fd, data, length, at);
}
ssize_t read(int fd, void *data, size_t length) { return reading(fd, data, length, -1); }
ssize_t pread(int fd, void *data, size_t length, off_t at) { return reading(fd, data, length, at); }
ssize_t pread64(int fd, void *data, size_t length, off_t at) { return reading(fd, data, length, at); }

int ftruncate(int fd, off_t length) {
    if (!BELOW(fd)) return syscall(SYS_ftruncate, fd, length);
    pthread_mutex_lock(&lock);
    int what = due(WRITE), done = -1;
    if (what == FAIL || what == SHORT) errno = error_number;
    else {
        done = syscall(SYS_ftruncate, fd, length);
        if (!done && !files[fd].shared) trace('t', files[fd].ino, length, NULL, 0, NULL, 0);
        after(what);
    }
    pthread_mutex_unlock(&lock);
    return done;
}
int ftruncate64(int fd, off_t length) { return ftruncate(fd, length); }

static int synced(int fd, long number) {
    if (!BELOW(fd)) return syscall(number, fd);
    pthread_mutex_lock(&lock);
    int what = due(SYNC), done = -1;
    if (what == FAIL || what == SHORT) errno = error_number;
    else {
        done = syscall(number, fd);
        if (!done && !files[fd].shared) trace('s', files[fd].ino, 0, NULL, 0, NULL, 0);
        after(what);
    }
    pthread_mutex_unlock(&lock);
    return done;
}
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

static int named(char how, const char *one, const char *two, long done_by, long flags) {
    pthread_mutex_lock(&lock);
    int what = due(NAME), done = -1;
    if (what == FAIL || what == SHORT) errno = error_number;
    else {
        if (how == 'u') done = syscall(done_by, one);
        else if (how == 'm') done = syscall(done_by, one, flags);
        else done = syscall(done_by, one, two);
        if (!done && !is_shared_memory(one)) trace(how, 0, 0, one, strlen(one), two, two ? strlen(two) : 0);
        after(what);
    }
    pthread_mutex_unlock(&lock);
    return done;
}
int unlink(const char *path) { return below(path) ? named('u', path, NULL, SYS_unlink, 0) : syscall(SYS_unlink, path); }
int rmdir(const char *path) { return below(path) ? named('u', path, NULL, SYS_rmdir, 0) : syscall(SYS_rmdir, path); }
int mkdir(const char *path, mode_t mode) {
    return below(path) ? named('m', path, NULL, SYS_mkdir, mode) : syscall(SYS_mkdir, path, mode);
}
int rename(const char *one, const char *two) {
    return below(two) ? named('r', one, two, SYS_rename, 0) : syscall(SYS_rename, one, two);
}
int link(const char *one, const char *two) {
    return below(two) ? named('l', one, two, SYS_link, 0) : syscall(SYS_link, one, two);
}

int clock_gettime(clockid_t which, struct timespec *now) {
    int done = syscall(SYS_clock_gettime, which, now);
    if (!done && which == CLOCK_REALTIME && clock_offset != 0) {
        double whole = (double)(int64_t)clock_offset;
        now->tv_sec += (time_t)whole;
        now->tv_nsec += (long)((clock_offset - whole) * 1e9);
        if (now->tv_nsec < 0) now->tv_nsec += 1000000000, now->tv_sec--;
        if (now->tv_nsec >= 1000000000) now->tv_nsec -= 1000000000, now->tv_sec++;
    }
    return done;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec found;
    int done = clock_gettime(CLOCK_REALTIME, &found);
    now->tv_sec = found.tv_sec, now->tv_usec = found.tv_nsec / 1000;
    return done;
}
time_t time(time_t *to) {
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    if (to) *to = found.tv_sec;
    return found.tv_sec;
}
