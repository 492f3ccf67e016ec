// SPDX-License-Identifier: MIT
/*
 * The life of objects: whatever closes, unmaps, ends or is killed first, what is
 * still in use works and what is not is gone
 */
#include "cc_test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "kselftest_harness.h"

enum { PAGES = 8 };

/* ---- every order of letting go ------------------------------------------------- */

enum { CACHE, ZONE, VIEW, MAPPING, NR_HANDLES };

/* A view of one kind, and the four handles that keep things alive. */
FIXTURE(order)
{
	uint32_t kind;
	struct cc_mem mem;
	bool open[NR_HANDLES];
	unsigned char *p;
};

FIXTURE_VARIANT(order)
{
	uint32_t kind;
};

FIXTURE_VARIANT_ADD(order, write_view) { .kind = CODECACHE_VIEW_WRITE };
FIXTURE_VARIANT_ADD(order, exec_view) { .kind = CODECACHE_VIEW_EXEC };
FIXTURE_VARIANT_ADD(order, data_view) { .kind = CODECACHE_VIEW_DATA };
FIXTURE_VARIANT_ADD(order, uffd_view) { .kind = CODECACHE_VIEW_UFFD };

FIXTURE_SETUP(order)
{
	self->kind = variant->kind;
	ASSERT_TRUE(cc_nothing_left());
}

FIXTURE_TEARDOWN(order)
{
}

static bool make_all(FIXTURE_DATA(order) *self)
{
	struct cc_mem *mem = &self->mem;

	memset(mem, 0, sizeof(*mem));
	mem->cache = cc_open();
	mem->zone = cc_zone(mem->cache, cc_kind_class(self->kind), PAGES);
	mem->nr_pages = PAGES;
	if (mem->cache < 0 || mem->zone < 0 || cc_mem_map(mem, self->kind))
		return false;
	self->p = mem->map[self->kind];
	memset(self->open, true, sizeof(self->open));
	return true;
}

static void let_go(FIXTURE_DATA(order) *self, int handle)
{
	self->open[handle] = false;
	switch (handle) {
	case CACHE:
		close(self->mem.cache);
		break;
	case ZONE:
		close(self->mem.zone);
		break;
	case VIEW:
		close(self->mem.fd[self->kind]);
		break;
	case MAPPING:
		munmap(self->p, PAGES * cc_page_size());
		break;
	}
}

/* Each object lives as long as a handle of it, or an object below it. */
static int nr_living(const bool open[NR_HANDLES])
{
	bool view = open[VIEW] || open[MAPPING];
	bool zone = open[ZONE] || view;
	bool cache = open[CACHE] || zone;

	return view + zone + cache;
}

static bool protect_works(FIXTURE_DATA(order) *self)
{
	int view = self->mem.fd[self->kind];

	if (cc_protect_run(view, 0, PAGES, CC_NONE))
		return false;
	/* A uffd view without userfaultfd just faults the page in again. */
	if (self->open[MAPPING] && self->kind != CODECACHE_VIEW_UFFD &&
	    cc_load(self->p, NULL) != SIGSEGV)
		return false;
	return !cc_protect_run(view, 0, PAGES, cc_kind_full(self->kind));
}

/* All that is still open does what it is for. */
static bool the_rest_works(FIXTURE_DATA(order) *self)
{
	struct codecache_stats_args stats;
	unsigned char value;
	int fd;

	if (self->open[VIEW] && !protect_works(self))
		return false;
	if (self->open[MAPPING]) {
		if (cc_load(self->p + cc_page_size(), &value))
			return false;
		if (self->kind != CODECACHE_VIEW_EXEC && cc_store(self->p, 1))
			return false;
	}
	if (self->open[ZONE]) {
		fd = cc_view(self->mem.zone, self->kind);
		if (fd < 0 && fd != -EBUSY)
			return false;
		close(fd);
	}
	if (self->open[CACHE]) {
		if (cc_stats(self->mem.cache, &stats))
			return false;
		if (stats.out_nr_zones != (nr_living(self->open) > 1))
			return false;
	}
	return cc_total_becomes("charged_objects", nr_living(self->open));
}

static bool survives_order(FIXTURE_DATA(order) *self, const int handles[4])
{
	int i;

	if (!make_all(self) || !the_rest_works(self))
		return false;
	for (i = 0; i < NR_HANDLES; i++) {
		let_go(self, handles[i]);
		if (!the_rest_works(self)) {
			printf("# step %d of %d %d %d %d\n", i, handles[0],
			       handles[1], handles[2], handles[3]);
			return false;
		}
	}
	return cc_nothing_left();
}

TEST_F_TIMEOUT(order, of_closing_does_not_matter, 2 * CC_TIMEOUT)
{
	int i, nr = 0;

	for (i = 0; i < 256; i++) {
		const int h[] = { i & 3, i >> 2 & 3, i >> 4 & 3, i >> 6 & 3 };

		if ((1 << h[0] | 1 << h[1] | 1 << h[2] | 1 << h[3]) != 15)
			continue;
		ASSERT_TRUE(survives_order(self, h));
		nr++;
	}
	EXPECT_EQ(24, nr);
}

/* ---- exit, kill, exec ---------------------------------------------------------- */

/* What a process that ends without cleaning up leaves to the kernel. */
static int make_a_mess(void)
{
	struct cc_mem code, data;
	unsigned int i;

	if (cc_mem_code(&code, PAGES) || cc_mem_data(&data, PAGES) ||
	    cc_mem_map(&data, CODECACHE_VIEW_UFFD))
		return -1;
	for (i = 0; i < PAGES; i++) {
		cc_emit(code.map[CODECACHE_VIEW_WRITE] + i * cc_page_size(), i);
		if (cc_run(code.map[CODECACHE_VIEW_EXEC] +
			   i * cc_page_size()) != (int)i)
			return -1;
		cc_store(data.map[CODECACHE_VIEW_DATA] + i * cc_page_size(), i);
		cc_store(data.map[CODECACHE_VIEW_UFFD] + i * cc_page_size(), i);
	}
	cc_protect_run(code.fd[CODECACHE_VIEW_EXEC], 1, 3, CC_NONE);
	cc_protect_run(data.fd[CODECACHE_VIEW_DATA], 2, 3, CC_R);
	close(code.cache);
	close(data.zone);
	return data.cache;
}

FIXTURE(process)
{
	int pipe[2];
};

FIXTURE_SETUP(process)
{
	ASSERT_TRUE(cc_nothing_left());
	ASSERT_EQ(0, pipe(self->pipe));
}

FIXTURE_TEARDOWN(process)
{
	close(self->pipe[0]);
	close(self->pipe[1]);
}

TEST_F_TIMEOUT(process, that_exits_leaves_nothing, CC_TIMEOUT)
{
	pid_t pid;
	int i;

	for (i = 0; i < 10; i++) {
		pid = cc_fork();
		if (!pid)
			_exit(make_a_mess() < 0);
		ASSERT_EQ(0, cc_wait(pid));
		ASSERT_TRUE(cc_nothing_left());
	}
}

struct worker {
	struct cc_mem mem;
	unsigned int seed;
};

/* Creates, maps, protects, accesses, unmaps and closes for ever. */
static void *work(void *arg)
{
	struct worker *w = arg;
	struct cc_mem mine;
	unsigned char *p = w->mem.map[CODECACHE_VIEW_DATA];

	for (;;) {
		unsigned int page = rand_r(&w->seed) % PAGES;

		cc_protect_run(w->mem.fd[CODECACHE_VIEW_DATA], page, 1,
			       rand_r(&w->seed) % 2 ? CC_RW : CC_NONE);
		cc_store(p + page * cc_page_size(), 1);
		if (rand_r(&w->seed) % 16)
			continue;
		if (!cc_mem_code(&mine, PAGES)) {
			cc_emit(mine.map[CODECACHE_VIEW_WRITE], 1);
			cc_run(mine.map[CODECACHE_VIEW_EXEC]);
		}
		cc_mem_close(&mine);
	}
	return NULL;
}

static void work_until_killed(int ready)
{
	static struct worker workers[3];
	pthread_t thread;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		workers[i].seed = i;
		if (i == 0 && cc_mem_data(&workers[0].mem, PAGES))
			_exit(1);
		workers[i].mem = workers[0].mem;
		pthread_create(&thread, NULL, work, &workers[i]);
	}
	write(ready, "", 1);
	for (;;)
		pause();
}

TEST_F_TIMEOUT(process, that_is_killed_at_work_leaves_nothing, CC_TIMEOUT)
{
	char byte;
	pid_t pid;
	int i;

	for (i = 0; i < 25; i++) {
		pid = cc_fork();
		if (!pid)
			work_until_killed(self->pipe[1]);
		ASSERT_EQ(1, read(self->pipe[0], &byte, 1));
		usleep(1000 * i);
		kill(pid, SIGKILL);
		ASSERT_EQ(128 + SIGKILL, cc_wait(pid));
		ASSERT_TRUE(cc_nothing_left());
	}
}

/* In the new program image: nothing came along. */
static int after_exec(int fd)
{
	if (fcntl(fd, F_GETFD) != -1)
		return 1;
	return cc_nothing_left() ? 0 : 2;
}

TEST_F_TIMEOUT(process, that_execs_takes_nothing_along, CC_TIMEOUT)
{
	char text[16];
	pid_t pid;

	pid = cc_fork();
	if (!pid) {
		snprintf(text, sizeof(text), "%d", make_a_mess());
		execl("/proc/self/exe", "self", "--after-exec", text, NULL);
		_exit(3);
	}
	EXPECT_EQ(0, cc_wait(pid));
}

static void *make_in_thread(void *arg)
{
	return (void *)(intptr_t)cc_mem_data(arg, PAGES);
}

TEST_F_TIMEOUT(process, goes_on_when_the_thread_that_made_it_ends, CC_TIMEOUT)
{
	struct cc_mem mem;
	pthread_t thread;
	void *result;

	ASSERT_EQ(0, pthread_create(&thread, NULL, make_in_thread, &mem));
	ASSERT_EQ(0, pthread_join(thread, &result));
	ASSERT_EQ(NULL, result);
	EXPECT_EQ(0, cc_store(mem.map[CODECACHE_VIEW_DATA], 1));
	EXPECT_EQ(0, cc_protect_run(mem.fd[CODECACHE_VIEW_DATA], 0, 1, CC_R));
	EXPECT_EQ(SIGSEGV, cc_store(mem.map[CODECACHE_VIEW_DATA], 1));
	cc_mem_close(&mem);
	EXPECT_TRUE(cc_nothing_left());
}

/* Memory that somebody else has given back holds nothing of theirs. */
TEST_F_TIMEOUT(process, finds_new_zones_empty, CC_TIMEOUT)
{
	enum { ROUNDS = 20, MANY = 64 };
	unsigned int round, i;
	size_t k, page = cc_page_size();
	struct cc_mem mem;

	for (round = 0; round < ROUNDS; round++) {
		ASSERT_EQ(0, cc_mem_data(&mem, MANY));
		for (i = 0; i < MANY; i++) {
			unsigned char *at = mem.map[CODECACHE_VIEW_DATA] +
					    i * page;

			for (k = 0; k < page; k++)
				ASSERT_EQ(0, at[k]);
			memset(at, 0xc3, page);
		}
		cc_mem_close(&mem);
	}
}

struct sharer {
	int zone;
	unsigned int mine;	/* page */
	unsigned int errors;
};

/* Views of its own on a zone that all threads use, one after the other. */
static void *share(void *arg)
{
	struct sharer *s = arg;
	size_t at = s->mine * cc_page_size();
	struct codecache_stats_args stats;
	unsigned char *p, value;
	unsigned int i;
	int view;

	for (i = 1; i <= 100; i++) {
		view = cc_view(s->zone, CODECACHE_VIEW_DATA);
		p = cc_map(view, CODECACHE_VIEW_DATA, PAGES);
		if (!p || cc_load(p + at, &value) ||
		    value != (unsigned char)(i - 1) || cc_store(p + at, i) ||
		    cc_protect_run(view, s->mine, 1, CC_R) ||
		    cc_store(p + at, 0) != SIGSEGV || cc_stats(view, &stats) ||
		    stats.out_traps_write != 1 || cc_stats(s->zone, &stats))
			s->errors++;
		munmap(p, PAGES * cc_page_size());
		close(view);
	}
	return NULL;
}

TEST_F_TIMEOUT(process, has_threads_that_share_a_zone, CC_TIMEOUT)
{
	struct codecache_stats_args stats;
	struct sharer sharers[PAGES];
	pthread_t threads[PAGES];
	struct cc_mem mem;
	unsigned int i;

	ASSERT_EQ(0, cc_mem_data(&mem, PAGES));
	for (i = 0; i < PAGES; i++) {
		sharers[i] = (struct sharer){ mem.zone, i, 0 };
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, share,
					    &sharers[i]));
	}
	for (i = 0; i < PAGES; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, sharers[i].errors);
	}
	ASSERT_EQ(0, cc_stats(mem.zone, &stats));
	EXPECT_EQ(1, stats.out_nr_views);
	EXPECT_EQ(100 * PAGES, stats.out_traps_write);
	EXPECT_EQ(100 * PAGES, stats.out_protect_calls);
	cc_mem_close(&mem);
	EXPECT_TRUE(cc_nothing_left());
}

/* ---- two processes -------------------------------------------------------------- */

/* A mapped data view, and a child process that takes orders. */
FIXTURE(pair)
{
	struct cc_mem mem;
	unsigned char *p;
	int view;
	int orders[2];		/* ours, the child's */
	pid_t pid;
};

/* An order is a letter and a number; the answer is a number. */
struct order {
	char what;
	int number;
};

static int obey(const struct order *order, int *view, unsigned char **p)
{
	switch (order->what) {
	case 'm':
		*p = cc_map(*view, CODECACHE_VIEW_DATA, PAGES);
		return *p ? 0 : -errno;
	case 'u':
		return munmap(*p, PAGES * cc_page_size());
	case 'p':
		return cc_protect_run(*view, 0, PAGES, order->number);
	case 's':
		return cc_store(*p, order->number);
	case 'c':
		return close(*view);
	}
	return -1;
}

static void be_servant(int sock)
{
	int answer, view = cc_recv_fd(sock);
	unsigned char *p = NULL;
	struct order order;

	while (read(sock, &order, sizeof(order)) == sizeof(order)) {
		answer = obey(&order, &view, &p);
		write(sock, &answer, sizeof(answer));
	}
	_exit(0);
}

FIXTURE_SETUP(pair)
{
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, self->orders));
	self->pid = cc_fork();
	if (!self->pid) {
		close(self->orders[0]);
		be_servant(self->orders[1]);
	}
	close(self->orders[1]);
	ASSERT_EQ(0, cc_mem_data(&self->mem, PAGES));
	self->p = self->mem.map[CODECACHE_VIEW_DATA];
	self->view = self->mem.fd[CODECACHE_VIEW_DATA];
	ASSERT_EQ(0, cc_store(self->p, 1));
	ASSERT_EQ(0, cc_send_fd(self->orders[0], self->view));
}

FIXTURE_TEARDOWN(pair)
{
	close(self->orders[0]);
	cc_wait(self->pid);
	cc_mem_close(&self->mem);
}

static int tell(FIXTURE_DATA(pair) *self, char what, int number)
{
	struct order order = { .what = what, .number = number };
	int answer;

	if (write(self->orders[0], &order, sizeof(order)) != sizeof(order) ||
	    read(self->orders[0], &answer, sizeof(answer)) != sizeof(answer))
		return -EPIPE;
	return answer;
}

TEST_F_TIMEOUT(pair, one_protects_what_the_other_has_mapped, CC_TIMEOUT)
{
	int i;

	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, tell(self, 'p', CC_NONE));
		ASSERT_EQ(SIGSEGV, cc_load(self->p, NULL));
		ASSERT_EQ(0, tell(self, 'p', CC_R));
		ASSERT_EQ(0, cc_load(self->p, NULL));
		ASSERT_EQ(SIGSEGV, cc_store(self->p, 1));
		ASSERT_EQ(0, tell(self, 'p', CC_RW));
		ASSERT_EQ(0, cc_store(self->p, 1));
	}
	/* What it did outlives it. */
	ASSERT_EQ(0, tell(self, 'p', CC_R));
	kill(self->pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, cc_wait(self->pid));
	EXPECT_EQ(SIGSEGV, cc_store(self->p, 1));
	EXPECT_EQ(0, cc_protect_run(self->view, 0, PAGES, CC_RW));
	EXPECT_EQ(0, cc_store(self->p, 1));
}

TEST_F_TIMEOUT(pair, one_at_a_time_has_the_view_mapped, CC_TIMEOUT)
{
	size_t bytes = PAGES * cc_page_size();

	EXPECT_EQ(NULL, cc_map(self->view, CODECACHE_VIEW_DATA, PAGES));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_EQ(-EBUSY, tell(self, 'm', 0));
	ASSERT_EQ(0, munmap(self->p, bytes));
	self->mem.map[CODECACHE_VIEW_DATA] = NULL;
	ASSERT_EQ(0, tell(self, 'm', 0));
	EXPECT_EQ(0, tell(self, 's', 7));
	EXPECT_EQ(NULL, cc_map(self->view, CODECACHE_VIEW_DATA, PAGES));
	EXPECT_EQ(EBUSY, errno);
	/* We protect what is theirs now. */
	ASSERT_EQ(0, cc_protect_run(self->view, 0, PAGES, CC_R));
	EXPECT_EQ(SIGSEGV, tell(self, 's', 7));
	ASSERT_EQ(0, cc_protect_run(self->view, 0, PAGES, CC_RW));
	EXPECT_EQ(0, tell(self, 's', 8));
	/* It dies with the mapping; then it is ours again. */
	kill(self->pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, cc_wait(self->pid));
	self->p = cc_map(self->view, CODECACHE_VIEW_DATA, PAGES);
	ASSERT_NE(NULL, self->p);
	EXPECT_EQ(8, self->p[0]);
	munmap(self->p, bytes);
}

TEST_F_TIMEOUT(pair, protections_hold_for_a_later_mapping, CC_TIMEOUT)
{
	static const uint32_t prots[] = { CC_NONE, CC_R, CC_RW };
	unsigned int i;

	ASSERT_EQ(0, munmap(self->p, PAGES * cc_page_size()));
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, cc_protect_run(self->view, i, 1, prots[i % 3]));
	self->p = cc_map(self->view, CODECACHE_VIEW_DATA, PAGES);
	self->mem.map[CODECACHE_VIEW_DATA] = self->p;
	ASSERT_NE(NULL, self->p);
	for (i = 0; i < PAGES; i++) {
		unsigned char *at = self->p + i * cc_page_size();

		EXPECT_EQ(i % 3 == 0 ? SIGSEGV : 0, cc_load(at, NULL));
		EXPECT_EQ(i % 3 == 2 ? 0 : SIGSEGV, cc_store(at, 1));
	}
	/* And for somebody else's. */
	ASSERT_EQ(0, munmap(self->p, PAGES * cc_page_size()));
	self->mem.map[CODECACHE_VIEW_DATA] = NULL;
	ASSERT_EQ(0, tell(self, 'm', 0));
	EXPECT_EQ(SIGSEGV, tell(self, 's', 1));
	EXPECT_EQ(0, tell(self, 'p', CC_RW));
	EXPECT_EQ(0, tell(self, 's', 1));
}

/* Descriptors that are on their way in a socket, and never arrive. */
TEST_F_TIMEOUT(pair, a_descriptor_that_is_sent_and_dropped_is_closed, CC_TIMEOUT)
{
	int socks[2], zone;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	zone = cc_zone(self->mem.cache, CODECACHE_ZONE_CODE, PAGES);
	ASSERT_EQ(0, cc_send_fd(socks[0], zone));
	close(zone);
	EXPECT_EQ(4, cc_total("charged_objects"));
	close(socks[0]);
	close(socks[1]);
	EXPECT_TRUE(cc_total_becomes("charged_objects", 3));
}

/* A process of its own that shares our memory but not our descriptors. */
static int protect_as_twin(void *arg)
{
	FIXTURE_DATA(pair) *self = arg;

	return cc_protect_run(self->view, 0, PAGES, CC_R) ? 1 : 0;
}

TEST_F_TIMEOUT(pair, a_process_that_shares_memory_shares_the_mapping, CC_TIMEOUT)
{
	char *stack = malloc(1 << 16);
	pid_t pid = clone(protect_as_twin, stack + (1 << 16),
			  CLONE_VM | SIGCHLD, self);

	ASSERT_LT(0, pid);
	EXPECT_EQ(0, cc_wait(pid));
	EXPECT_EQ(SIGSEGV, cc_store(self->p, 1));
	EXPECT_EQ(0, cc_load(self->p, NULL));
	free(stack);
}

/* ---- the mapping goes while somebody else protects it ---------------------------- */

static void map_and_touch_for_ever(int view)
{
	unsigned char *p;
	unsigned int i;

	for (;;) {
		p = cc_map(view, CODECACHE_VIEW_DATA, PAGES);
		for (i = 0; p && i < PAGES; i++)
			cc_store(p + i * cc_page_size(), i);
		if (p)
			munmap(p, PAGES * cc_page_size());
	}
}

TEST_F_TIMEOUT(pair, protecting_bears_that_the_mapping_comes_and_goes, CC_TIMEOUT)
{
	unsigned int i, k;
	pid_t pid;

	ASSERT_EQ(0, munmap(self->p, PAGES * cc_page_size()));
	self->mem.map[CODECACHE_VIEW_DATA] = NULL;
	for (i = 0; i < 30; i++) {
		long long since = cc_now_ms();

		pid = cc_fork();
		if (!pid)
			map_and_touch_for_ever(self->view);
		for (k = 0; cc_now_ms() - since < 20 + i; k++)
			ASSERT_EQ(0, cc_protect_run(self->view, k % PAGES, 1,
						    k & 1 ? CC_NONE : CC_RW));
		kill(pid, SIGKILL);
		for (k = 0; k < 200; k++)
			ASSERT_EQ(0, cc_protect_run(self->view, k % PAGES, 1,
						    k & 1 ? CC_R : CC_RW));
		ASSERT_EQ(128 + SIGKILL, cc_wait(pid));
	}
	self->p = cc_map(self->view, CODECACHE_VIEW_DATA, PAGES);
	self->mem.map[CODECACHE_VIEW_DATA] = self->p;
	EXPECT_NE(NULL, self->p);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--after-exec"))
		return after_exec(atoi(argv[2]));
	return test_harness_run(argc, argv);
}
