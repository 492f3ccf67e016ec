// SPDX-License-Identifier: MIT
/*
 * Shared by the tests: objects by raw ioctls, accesses that may trap, processes
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "cc_test.h"

/* ---- objects -------------------------------------------------------------- */

size_t cc_page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

int cc_ioctl(int fd, unsigned int nr, void *args)
{
	return ioctl(fd, nr, args) < 0 ? -errno : 0;
}

int cc_open(void)
{
	int fd = open(CODECACHE_DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int cc_zone(int cache, uint32_t zone_class, uint64_t nr_pages)
{
	struct codecache_zone_create_args args = {
		.size = sizeof(args),
		.zone_class = zone_class,
		.bytes = nr_pages * cc_page_size(),
	};
	int err = cc_ioctl(cache, CODECACHE_IOC_ZONE_CREATE, &args);

	return err ? err : args.out_fd;
}

static int cc_view_create(int zone, struct codecache_view_create_args *args)
{
	int err;

	args->size = sizeof(*args);
	err = cc_ioctl(zone, CODECACHE_IOC_VIEW_CREATE, args);
	return err ? err : args->out_fd;
}

int cc_view(int zone, uint32_t kind)
{
	struct codecache_view_create_args args = { .kind = kind };

	return cc_view_create(zone, &args);
}

int cc_window(int zone, uint32_t kind, uint64_t first, uint64_t nr_pages)
{
	struct codecache_view_create_args args = {
		.kind = kind,
		.first_page = first,
		.nr_pages = nr_pages,
	};

	return cc_view_create(zone, &args);
}

int cc_view_prot(int zone, uint32_t kind, uint32_t prot)
{
	struct codecache_view_create_args args = {
		.kind = kind,
		.flags = CODECACHE_VIEW_F_PROT,
		.prot = prot,
	};

	return cc_view_create(zone, &args);
}

int cc_stats(int fd, struct codecache_stats_args *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->size = sizeof(*stats);
	return cc_ioctl(fd, CODECACHE_IOC_STATS, stats);
}

static const struct {
	const char *name;
	int mmap;
	uint32_t zone_class;
	uint32_t full;
} kinds[] = {
	[CODECACHE_VIEW_WRITE] = { "write", PROT_READ | PROT_WRITE,
				   CODECACHE_ZONE_CODE, CC_RW },
	[CODECACHE_VIEW_EXEC] = { "exec", PROT_READ | PROT_EXEC,
				  CODECACHE_ZONE_CODE, CC_RX },
	[CODECACHE_VIEW_DATA] = { "data", PROT_READ | PROT_WRITE,
				  CODECACHE_ZONE_DATA, CC_RW },
	[CODECACHE_VIEW_UFFD] = { "uffd", PROT_READ | PROT_WRITE,
				  CODECACHE_ZONE_DATA, CC_RW },
};

int cc_kind_mmap(uint32_t kind)
{
	return kinds[kind].mmap;
}

uint32_t cc_kind_class(uint32_t kind)
{
	return kinds[kind].zone_class;
}

uint32_t cc_kind_full(uint32_t kind)
{
	return kinds[kind].full;
}

const char *cc_kind_name(uint32_t kind)
{
	return kinds[kind].name;
}

void *cc_map(int view, uint32_t kind, uint64_t nr_pages)
{
	void *p = mmap(NULL, nr_pages * cc_page_size(), cc_kind_mmap(kind),
		       MAP_SHARED, view, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int cc_protect_call(int view, struct codecache_view_protect_args *args,
			   uint64_t *failed)
{
	int err;

	args->size = sizeof(*args);
	args->out_failed_index = CC_UNWRITTEN;
	err = cc_ioctl(view, CODECACHE_IOC_VIEW_PROTECT, args);
	if (failed)
		*failed = args->out_failed_index;
	return err;
}

int cc_protect(int view, const struct codecache_prot_range *ranges,
	       uint64_t count, uint64_t *failed)
{
	struct codecache_view_protect_args args = {
		.addr = (uintptr_t)ranges,
		.count = count,
	};

	return cc_protect_call(view, &args, failed);
}

int cc_protect_run(int view, uint64_t first, uint64_t nr, uint32_t prot)
{
	struct codecache_prot_range range = {
		.first_page = first,
		.nr_pages = nr,
		.prot = prot,
	};

	return cc_protect(view, &range, 1, NULL);
}

int cc_protect_bits(int view, const uint64_t *words, uint64_t nr_bits,
		    uint64_t first, uint32_t prot, uint64_t *failed)
{
	struct codecache_view_protect_args args = {
		.flags = CODECACHE_PROTECT_F_BITMAP,
		.addr = (uintptr_t)words,
		.count = nr_bits,
		.first_page = first,
		.prot = prot,
	};

	return cc_protect_call(view, &args, failed);
}

uint64_t cc_protect_seq(int view, uint64_t first, uint64_t nr, uint32_t prot)
{
	struct codecache_prot_range range = {
		.first_page = first,
		.nr_pages = nr,
		.prot = prot,
	};
	struct codecache_view_protect_args args = {
		.addr = (uintptr_t)&range,
		.count = 1,
		.out_seq = CC_UNWRITTEN,
	};

	cc_protect_call(view, &args, NULL);
	return args.out_seq;
}

long long cc_populate(int view, uint64_t first, uint64_t nr, uint32_t prot)
{
	struct codecache_prot_range range = {
		.first_page = first,
		.nr_pages = nr,
		.prot = prot,
	};
	struct codecache_view_protect_args args = {
		.flags = CODECACHE_PROTECT_F_POPULATE,
		.addr = (uintptr_t)&range,
		.count = 1,
		.out_populated = CC_UNWRITTEN,
	};
	int err = cc_protect_call(view, &args, NULL);

	return err ? err : (long long)args.out_populated;
}

/* ---- QUERY, VIEW_UNMAP ----------------------------------------------------- */

int cc_query_call(int view, struct codecache_view_query_args *args)
{
	args->size = sizeof(*args);
	args->out_next_page = CC_UNWRITTEN;
	args->out_count = CC_UNWRITTEN;
	args->out_nr_pages = CC_UNWRITTEN;
	args->out_seq = CC_UNWRITTEN;
	return cc_ioctl(view, CODECACHE_IOC_VIEW_QUERY, args);
}

/* Is that what a QUERY may answer: ascending, merged, as asked for? */
static bool cc_query_valid(const struct codecache_view_query_args *args,
			   const struct codecache_page_range *r)
{
	uint64_t i, at = args->first_page, nr = 0;
	uint16_t last = 0;

	if (args->out_count > args->count || args->out_next_page < at ||
	    args->out_next_page > args->first_page + args->nr_pages)
		return false;
	for (i = 0; i < args->out_count; i++) {
		if (r[i].first_page < at || !r[i].nr_pages || r[i].prot ||
		    !(r[i].state & args->find) ||
		    r[i].state & ~(args->find | CC_UNSURE) ||
		    (i && r[i].first_page == at && r[i].state == last))
			return false;
		at = r[i].first_page + r[i].nr_pages;
		last = r[i].state;
		nr += r[i].nr_pages;
	}
	return at <= args->out_next_page && nr == args->out_nr_pages;
}

static void cc_query_keep(const struct codecache_page_range *r, uint64_t nr,
			  uint16_t *state, uint64_t first)
{
	uint64_t i, page;

	for (i = 0; i < nr; i++) {
		for (page = 0; page < r[i].nr_pages; page++)
			state[r[i].first_page - first + page] = r[i].state;
	}
}

long long cc_query_args(int view, struct codecache_view_query_args *args,
			uint16_t *state)
{
	struct codecache_view_query_args call = *args;
	uint64_t end = args->first_page + args->nr_pages;
	struct codecache_page_range r[CC_QUERY_ROOM];
	long long found = 0;
	int err;

	if (state)
		memset(state, 0, args->nr_pages * sizeof(*state));
	call.addr = (uintptr_t)r;
	call.count = args->count ?: CC_QUERY_ROOM;
	do {
		err = cc_query_call(view, &call);
		if (err)
			return err;
		if (!cc_query_valid(&call, r) ||
		    call.out_next_page == call.first_page)
			return -EBADMSG;
		if (state)
			cc_query_keep(r, call.out_count, state,
				      args->first_page);
		found += call.out_nr_pages;
		call.first_page = call.out_next_page;
		call.nr_pages = end - call.first_page;
	} while (call.first_page < end);
	args->out_seq = call.out_seq;
	return found;
}

long long cc_query(int view, uint64_t first, uint64_t nr, uint32_t find,
		   uint32_t clear, uint16_t *state)
{
	struct codecache_view_query_args args = {
		.first_page = first,
		.nr_pages = nr,
		.find = find,
		.clear = clear,
	};

	return cc_query_args(view, &args, state);
}

int cc_query_reset(int view, uint64_t nr)
{
	uint32_t all = CC_DIRTY | CC_YOUNG | CC_LOST;
	long long found = cc_query(view, 0, nr, all, all, NULL);

	return found < 0 ? found : 0;
}

int cc_unmap(int view, void **addr)
{
	struct codecache_view_unmap_args args = {
		.size = sizeof(args),
		.out_addr = CC_UNWRITTEN,
	};
	int err = cc_ioctl(view, CODECACHE_IOC_VIEW_UNMAP, &args);

	if (addr)
		*addr = (void *)(uintptr_t)args.out_addr;
	return err;
}

int cc_mem_make(struct cc_mem *mem, uint32_t zone_class, uint64_t nr_pages)
{
	memset(mem, 0, sizeof(*mem));
	memset(mem->fd, -1, sizeof(mem->fd));
	mem->zone = -1;
	mem->nr_pages = nr_pages;
	mem->cache = cc_open();
	if (mem->cache < 0)
		return mem->cache;
	mem->zone = cc_zone(mem->cache, zone_class, nr_pages);
	return mem->zone < 0 ? mem->zone : 0;
}

int cc_mem_map(struct cc_mem *mem, uint32_t kind)
{
	mem->fd[kind] = cc_view(mem->zone, kind);
	if (mem->fd[kind] < 0)
		return mem->fd[kind];
	mem->map[kind] = cc_map(mem->fd[kind], kind, mem->nr_pages);
	return mem->map[kind] ? 0 : -errno;
}

int cc_mem_code(struct cc_mem *mem, uint64_t nr_pages)
{
	int err = cc_mem_make(mem, CODECACHE_ZONE_CODE, nr_pages);

	if (!err)
		err = cc_mem_map(mem, CODECACHE_VIEW_WRITE);
	return err ? err : cc_mem_map(mem, CODECACHE_VIEW_EXEC);
}

int cc_mem_data(struct cc_mem *mem, uint64_t nr_pages)
{
	int err = cc_mem_make(mem, CODECACHE_ZONE_DATA, nr_pages);

	return err ? err : cc_mem_map(mem, CODECACHE_VIEW_DATA);
}

void cc_mem_close(struct cc_mem *mem)
{
	unsigned int kind;

	for (kind = 0; kind < ARRAY_LEN(mem->fd); kind++) {
		if (mem->map[kind])
			munmap(mem->map[kind], mem->nr_pages * cc_page_size());
		if (mem->fd[kind] >= 0)
			close(mem->fd[kind]);
	}
	if (mem->zone >= 0)
		close(mem->zone);
	if (mem->cache >= 0)
		close(mem->cache);
}

/* ---- accesses that may trap ----------------------------------------------- */

__thread struct cc_trap cc_trap;
static __thread sigjmp_buf cc_escape;
static __thread volatile sig_atomic_t cc_armed;

/* The kind of access, as x86 has it, by what the machine at hand tells. */
static unsigned long cc_error(const ucontext_t *uc)
{
#if defined(__aarch64__)
	const struct _aarch64_ctx *head = (const void *)uc->uc_mcontext.__reserved;
	uint64_t esr = 0, class;

	while (head->magic && head->magic != ESR_MAGIC)
		head = (const void *)((const char *)head + head->size);
	if (head->magic)
		esr = ((const struct esr_context *)head)->esr;
	class = esr >> 26 & 0x3f;
	if (class == 0x20)	/* instruction abort */
		return 4 | 16;
	/* A data abort: by a store, and not by maintenance of caches? */
	return 4 | (class == 0x24 && (esr & 0x140) == 0x40 ? 2 : 0);
#else
	return uc->uc_mcontext.gregs[REG_ERR];
#endif
}

static void cc_on_signal(int sig, siginfo_t *info, void *context)
{
	if (!cc_armed) {	/* not ours: let it come again and kill */
		signal(sig, SIG_DFL);
		return;
	}
	cc_trap.sig = sig;
	cc_trap.code = info->si_code;
	cc_trap.addr = info->si_addr;
	cc_trap.error = cc_error(context);
	siglongjmp(cc_escape, 1);
}

static void cc_arm(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL };
	struct sigaction act = {
		.sa_sigaction = cc_on_signal,
		.sa_flags = SA_SIGINFO,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &act, NULL);
	memset(&cc_trap, 0, sizeof(cc_trap));
	cc_armed = 1;
}

int cc_load(const volatile void *p, unsigned char *value)
{
	unsigned char v;

	cc_arm();
	if (!sigsetjmp(cc_escape, 1)) {
		v = *(const volatile unsigned char *)p;
		if (value)
			*value = v;
	}
	cc_armed = 0;
	return cc_trap.sig;
}

int cc_store(volatile void *p, unsigned char value)
{
	cc_arm();
	if (!sigsetjmp(cc_escape, 1))
		*(volatile unsigned char *)p = value;
	cc_armed = 0;
	return cc_trap.sig;
}

int cc_call(const void *code, int *result)
{
	int (*fn)(void);
	int v;

	memcpy(&fn, &code, sizeof(fn));
	cc_arm();
	if (!sigsetjmp(cc_escape, 1)) {
		v = fn();
		if (result)
			*result = v;
	}
	cc_armed = 0;
	return cc_trap.sig;
}

int cc_try(void (*fn)(void *arg), void *arg)
{
	cc_arm();
	if (!sigsetjmp(cc_escape, 1))
		fn(arg);
	cc_armed = 0;
	return cc_trap.sig;
}

/*
 * Caches are made to agree here, by the address that is written. Machines whose
 * instruction cache goes by virtual addresses want that where it runs; emulated ones
 * do not.
 */
void cc_emit(void *at, int value)
{
#if defined(__aarch64__)
	/* bti c; movz w0, #low; movk w0, #high, lsl #16; ret */
	uint32_t code[4] = {
		0xd503245f, 0x52800000 | ((uint32_t)value & 0xffff) << 5,
		0x72a00000 | (uint32_t)value >> 16 << 5,
		0xd65f03c0,
	};
#else
	/* mov $value, %eax; ret */
	unsigned char code[CC_CODE_LEN] = { 0xb8, [5] = 0xc3 };

	memcpy(code + 1, &value, sizeof(value));
#endif
	memcpy(at, code, sizeof(code));
	__builtin___clear_cache(at, (char *)at + sizeof(code));
}

int64_t cc_code_begin(int value)
{
	uint64_t code[2] = { 0 };

	cc_emit(code, value);
	return code[0] & 0xffffffffffff;
}

long cc_poke_code(pid_t pid, uintptr_t at, int value)
{
	long code[(CC_CODE_LEN + sizeof(long) - 1) / sizeof(long)] = { 0 };
	unsigned int i;

	cc_emit(code, value);
	for (i = 0; i < ARRAY_LEN(code); i++, at += sizeof(long))
		if (ptrace(PTRACE_POKETEXT, pid, at, code[i]))
			return -1;
	return 0;
}

int64_t cc_peek_code(pid_t pid, uintptr_t at)
{
	int64_t word;

	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, pid, at, NULL);
	return errno ? -errno : word & 0xffffffffffff;
}

int cc_run(const void *p)
{
	int result = -1;

	return cc_call(p, &result) ? -1 : result;
}

/* ---- processes ------------------------------------------------------------ */

pid_t cc_fork(void)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	return 0;
}

int cc_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

union cc_fd_message {
	struct cmsghdr head;
	char space[CMSG_SPACE(sizeof(int))];
};

bool cc_pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

int cc_send_fd(int sock, int fd)
{
	union cc_fd_message control = { 0 };
	struct iovec iov = { .iov_base = "", .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	return sendmsg(sock, &msg, 0) == 1 ? 0 : -errno;
}

int cc_recv_fd(int sock)
{
	union cc_fd_message control;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	int fd;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != 1)
		return -errno;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
		return -EBADMSG;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}
