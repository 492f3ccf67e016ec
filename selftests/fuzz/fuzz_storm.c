// SPDX-License-Identifier: MIT
/*
 * The storm: processes and threads hammer the module with random operations on objects
 * that they share, die and are replaced
 *
 * fuzz_storm [--seed N] [--ops N] [--time SECONDS] [--blind 1]
 *
 * Where the kernel has KCOV, and the module was built with CODECACHE_KCOV=1, programs
 * that reach something new are kept, changed and run again; with --blind 1 none is, so
 * that one sees what this is good for. Fails if something is left when all are dead,
 * or if the module cannot be unloaded then; the kernel's log is for others to look at.
 */
#include "storm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ST_ROUND_MS = 6000 };

struct st_shared *st_shared;
struct st_process st;
__thread struct fz_rng st_rng;
__thread uint64_t *st_words;

const struct fz_type *const st_types[] = {
	&st_ioctl, &st_open, &st_close, &st_dup, &st_steal, &st_poll,
	&st_read_events, &st_map, &st_munmap, &st_mremap, &st_mprotect,
	&st_madvise, &st_mm_misc, &st_access, &st_copy, &st_vm, &st_slot,
	&st_code, &st_fork, &st_exec, &st_kill, &st_ptrace, &st_mem,
	&st_uffd_open, &st_uffd_register, &st_uffd_answer, &st_param, &st_drop,
	&st_monitor, NULL,
};

void st_good(const struct fz_op *op, bool good)
{
	if (good)
		atomic_fetch_add(&st_shared->good[op->type], 1);
}

/* ---- threads ------------------------------------------------------------------------------ */

static void *st_thread(void *arg)
{
	struct st_program program;
	unsigned int i;

	st_rng.state = (uintptr_t)arg;
	st_thread_init();
	st_cover_open();
	while (!atomic_load(&st_shared->stop)) {
		st_program_make(&st_rng, &program);
		st_cover_begin();
		for (i = 0; i < program.nr; i++) {
			atomic_fetch_add(&st_shared->made[program.op[i].type], 1);
			st_types[program.op[i].type]->run(&program.op[i]);
		}
		if (st_cover_end())
			st_corpus_add(&program);
		atomic_fetch_add(&st_shared->ops, program.nr);
	}
	st_cover_close();
	return NULL;
}

/* Some objects to begin with: what is random alone seldom fits together. */
static void st_furnish(struct fz_rng *r)
{
	uint32_t class, kind, extents;
	unsigned int i;

	for (i = 0; i < 3; i++)
		st_keep(ST_CACHE, i, cc_open());
	for (i = 0; i < 4; i++) {
		struct codecache_zone_create_args zone = {
			.size = sizeof(zone),
			.flags = i & 1,
			.zone_class = 1 + (i >> 1),
			.bytes = ST_PAGE * (16 + fz_below(r, 1000)),
		};

		if (cc_ioctl(st_fd(ST_CACHE, 0), CODECACHE_IOC_ZONE_CREATE, &zone))
			continue;
		st_keep(ST_ZONE, i, zone.out_fd);
		class = zone.zone_class;
		extents = zone.flags;
		for (kind = 1; kind <= 4; kind++) {
			if (cc_kind_class(kind) == class && !(kind == 4 && extents))
				st_keep(ST_VIEW, fz_next(r),
					cc_view_trap(zone.out_fd, kind,
						     cc_kind_full(kind), kind == 4 ?
						     0 : fz_below(r, 3), 0));
		}
	}
	for (i = 0; i < 3; i++)
		st_keep(ST_EVENTFD, i, -1);
}

static void st_process_init(void)
{
	memset(st.fd, 0xff, sizeof(st.fd));
	st.null = open("/dev/null", O_RDWR | O_CLOEXEC);
	st.file = memfd_create("storm", MFD_CLOEXEC);
	if (st.file < 0 || ftruncate(st.file, 4 * ST_PAGE) ||
	    pipe2(st.pipe, O_CLOEXEC | O_NONBLOCK))
		_exit(2);
}

/* ---- processes -------------------------------------------------------------------------------- */

static void st_worker(uint64_t seed)
{
	struct fz_rng r = { seed };
	pthread_t thread[ST_THREADS];
	unsigned int i;

	st_memory_init();
	st_process_init();
	st_furnish(&r);
	for (i = 0; i < ST_THREADS; i++)
		pthread_create(&thread[i], NULL, st_thread,
			       (void *)(uintptr_t)fz_next(&r));
	for (i = 0; i < ST_THREADS; i++)
		pthread_join(thread[i], NULL);
	_exit(0);
}

static void st_spawn(unsigned int i, struct fz_rng *r)
{
	uint64_t seed = fz_next(r);
	pid_t pid = cc_fork();

	if (!pid)
		st_worker(seed);
	atomic_store(&st_shared->pid[i], pid);
}

/* Put another one in the place of each that has ended. */
static void st_replace(struct fz_rng *r)
{
	unsigned int i;
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		for (i = 0; i < ST_PROCS; i++) {
			if (atomic_load(&st_shared->pid[i]) == pid)
				st_spawn(i, r);
		}
	}
}

/* Where a thread of a process that does not end is. */
static void st_tell_stuck(pid_t pid)
{
	static const char *const files[] = { "status", "wchan", "stack" };
	char path[300], text[2048];
	struct dirent *e;
	unsigned int i;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		for (i = 0; i < ARRAY_LEN(files); i++) {
			snprintf(path, sizeof(path), "/proc/%d/task/%.20s/%s", pid,
				 e->d_name, files[i]);
			if (cc_read_file(path, text, sizeof(text)) > 0)
				printf("# stuck: %.20s: %s\n", e->d_name, text);
		}
	}
	if (dir)
		closedir(dir);
}

/*
 * Everybody ends: some by themselves, the others are killed. All of them before one is
 * waited for: a process is not over for us before it is for another one that traces it.
 */
static bool st_finish(void)
{
	long long since = cc_now_ms();
	pid_t pid[ST_PROCS];
	unsigned int i;

	atomic_store(&st_shared->stop, true);
	usleep(100000);
	for (i = 0; i < ST_PROCS; i++) {
		pid[i] = atomic_exchange(&st_shared->pid[i], 0);
		if (pid[i] > 0)
			kill(pid[i], SIGKILL);
	}
	for (i = 0; i < ST_PROCS; i++) {
		while (pid[i] > 0 && waitpid(pid[i], NULL, WNOHANG) == 0) {
			if (!cc_patient(since)) {
				st_tell_stuck(pid[i]);
				return false;
			}
		}
	}
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return true;
}

/* ---- rounds ------------------------------------------------------------------------------------ */

static const char *const st_limits[] = {
	"user_max_pages", "system_max_pages", "user_max_objects",
	"system_max_objects", "max_held_pages",
};

static void st_no_limits(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(st_limits); i++)
		cc_set_param(st_limits[i], 0);
	cc_set_param("user_max_pages", 30000);
}

static const char *st_round(struct fz_rng *r)
{
	long long since = cc_now_ms();
	unsigned int i;

	st_no_limits();
	atomic_store(&st_shared->stop, false);
	for (i = 0; i < ST_CORPUS; i++)
		atomic_store(&st_shared->busy[i], 0);
	for (i = 0; i < ST_PROCS; i++)
		st_spawn(i, r);
	while (cc_now_ms() - since < ST_ROUND_MS) {
		usleep(2000);
		st_replace(r);
	}
	if (!st_finish())
		return "a process cannot be killed";
	return cc_nothing_left() ? NULL : "something is left";
}

static void st_tell(const char *why)
{
	unsigned int i;

	for (i = 0; st_types[i]; i++)
		printf("# %9lu %-14s %9lu succeeded\n",
		       atomic_load(&st_shared->made[i]), st_types[i]->name,
		       atomic_load(&st_shared->good[i]));
	printf("# %lu edges reached, %u programs kept\n",
	       atomic_load(&st_shared->nr_cover), atomic_load(&st_shared->nr_corpus));
	printf("%sok 1 - everything goes: %lu operations%s%s\n", why ? "not " : "",
	       atomic_load(&st_shared->ops), why ? ": " : "", why ?: "");
}

static void st_limits_restore(const long long limit[])
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(st_limits); i++)
		cc_set_param(st_limits[i], limit[i]);
	cc_set_param("stall_seconds", 10);
	cc_set_param("unprivileged_block_kernel", 0);
}

static int st_storm(uint64_t seed, unsigned long ops, long long seconds)
{
	long long since = cc_now_ms(), said = since, limit[ARRAY_LEN(st_limits)];
	struct fz_rng r = { seed };
	const char *why = NULL;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(st_limits); i++)
		limit[i] = cc_param(st_limits[i]);
	while (!why && (seconds ? cc_now_ms() - since < seconds * 1000 :
				  atomic_load(&st_shared->ops) < ops)) {
		why = st_round(&r);
		if (cc_now_ms() - said < 60000)
			continue;
		said = cc_now_ms();
		printf("# %lu operations, %lu edges, %u programs\n",
		       atomic_load(&st_shared->ops),
		       atomic_load(&st_shared->nr_cover),
		       atomic_load(&st_shared->nr_corpus));
		fflush(stdout);
	}
	st_limits_restore(limit);
	st_tell(why);
	return why ? 1 : 0;
}

struct st_options {
	uint64_t seed, ops, seconds, blind;
};

static void st_parse(int argc, char **argv, struct st_options *o)
{
	char *end = "";
	int i;

	for (i = 1; i < argc && !*end; i += 2) {
		uint64_t *to = !strcmp(argv[i], "--seed") ? &o->seed :
			       !strcmp(argv[i], "--ops") ? &o->ops :
			       !strcmp(argv[i], "--time") ? &o->seconds :
			       !strcmp(argv[i], "--blind") ? &o->blind : NULL;

		if (!to || i + 1 == argc)
			break;
		*to = strtoull(argv[i + 1], &end, 0);
	}
	if (i < argc || *end) {
		fprintf(stderr,
			"usage: fuzz_storm [--seed N] [--ops N] [--time SECONDS] [--blind 1]\n");
		exit(3);
	}
}

int main(int argc, char **argv)
{
	struct st_options o = { time(NULL), 100000, 0, 0 };
	int i, err;

	if (argc == 2 && !strcmp(argv[1], "--exit"))
		return 0;
	st_parse(argc, argv, &o);
	if (cc_page_size() != ST_PAGE)
		return 77;
	/* Without the module it would be the system alone that is stormed. */
	if (access(CODECACHE_DEVICE, R_OK | W_OK)) {
		printf("1..1\nnot ok 1 - there is a module: %s\n", strerror(errno));
		return 1;
	}
	st_shared = mmap(NULL, sizeof(*st_shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (st_shared == MAP_FAILED)
		return 2;
	st_shared->blind = o.blind;
	printf("TAP version 13\n1..2\n# seed %#llx\n", (unsigned long long)o.seed);
	fflush(stdout);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	err = st_storm(o.seed, o.ops, o.seconds);
	i = cc_module_cycle();
	printf("%sok 2 - the module can be unloaded, and loaded again: %d\n",
	       i ? "not " : "", i);
	return err || i;
}
