// SPDX-License-Identifier: MIT
/*
 * The oracle's world: how it begins and ends, and what can be done in it
 */
#include "model.h"

#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz_run.h"

struct m_world w;

const struct fz_type *const run_types[] = {
	&m_cache_open, &m_cache_close, &m_zone_create, &m_zone_close,
	&m_view_create, &m_view_close, &m_view_map, &m_view_munmap,
	&m_view_unmap, &m_fork, &m_protect_ranges, &m_protect_bits, &m_resolve,
	&m_query, &m_load, &m_store, &m_fetch, &m_emit, &m_sys_read,
	&m_sys_write, &m_peek, &m_poke, &m_mm, &m_stats, &m_info, &m_limit,
	&m_log_make, &m_log_read, &m_log_tail, &m_events, &m_alloc, &m_retire,
	&m_seal, &m_seal_info, &m_register, &m_unregister, &m_enter, &m_leave,
	&m_thread, &m_start, &m_poll, &m_wait, &m_grace_event, &m_zone_event,
	&m_event_read, NULL,
};

/* ---- memory ----------------------------------------------------------------- */

/* With nothing behind it. */
static void m_arena_begin(void)
{
	m_arena = mmap(NULL, M_ARENA_BYTES + M_PAGE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	m_true("an arena", m_arena != MAP_FAILED);
	m_expect("mprotect", 0, mprotect(M_ARENA_END, M_PAGE, PROT_NONE));
}

static void m_file_begin(void)
{
	w.file = memfd_create("fuzz", MFD_CLOEXEC);
	m_expect("a file", 0, ftruncate(w.file, M_PAGE));
	w.file_map = mmap(NULL, M_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			  w.file, 0);
	m_true("a mapping of it", w.file_map != MAP_FAILED);
	memset(w.file_map, 0, M_PAGE);
	w.memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	w.null = open("/dev/null", O_RDWR | O_CLOEXEC);
	m_true("further files", w.memory >= 0 && w.null >= 0);
}

/* ---- the module ---------------------------------------------------------------- */

static void m_limits_begin(void)
{
	struct codecache_info_args info = { .size = sizeof(info) };
	int cache = cc_open();

	m_true("open", cache >= 0);
	m_expect("INFO", 0, cc_ioctl(cache, CODECACHE_IOC_INFO, &info));
	close(cache);
	w.unlimited_held = info.out_max_held_pages;
	w.max_held = w.unlimited_held;
	if (cc_set_param("user_max_pages", 0))
		w.max_pages = info.out_user_max_pages;
}

void m_world_begin(void)
{
	int i;

	memset(&w, 0, sizeof(w));
	m_arena_begin();
	m_file_begin();
	m_limits_begin();
	for (i = 0; i < M_EVENTS; i++) {
		w.event[i].fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		m_true("an eventfd", w.event[i].fd >= 0);
	}
	fz_thread_renew();
	w.second = 1;
}

/* What is left is for exit to take away. */
void m_world_end(void)
{
	int i;

	for (i = 0; i < M_EVENTS; i++)
		m_event_read.run(&(struct fz_op){ .nr = 1, .a = { i } });
}

/* ---- INFO ------------------------------------------------------------------------ */

static bool m_make_info(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 2;
	op->a[0] = m_how(r);
	op->a[1] = m_any_cache(r);
	return true;
}

static void m_run_info(const struct fz_op *op)
{
	struct m_cache *c = m_open_cache(op->a[1]);
	struct codecache_info_args args = { .size = sizeof(args) };
	struct m_errs errs = { 0 };

	if (!c || !m_ioctl(op->a[0], c->fd, CODECACHE_IOC_INFO, &args,
			   sizeof(args), &errs))
		return;
	m_expect("out_abi_version", CODECACHE_ABI_VERSION, args.out_abi_version);
	m_expect("out_page_size", M_PAGE, args.out_page_size);
	m_expect("out_user_max_pages", w.max_pages, args.out_user_max_pages);
	m_expect("out_max_held_pages", w.max_held, args.out_max_held_pages);
	m_expect("out_fault_around_pages", 16, args.out_fault_around_pages);
}

const struct fz_type m_info = {
	"info", "how cache", 2, m_make_info, m_run_info,
};
