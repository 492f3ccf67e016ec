// SPDX-License-Identifier: MIT
/*
 * The oracle: accesses of the kernel, for read(2) and write(2), and of debuggers
 */
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fuzz_run.h"

/* ---- system calls ---------------------------------------------------------------- */

static bool m_make_sys(struct fz_rng *r, struct fz_op *op)
{
	int view = m_mapped_view(r);

	if (view < 0)
		return false;
	op->nr = 6;
	op->a[0] = view;
	op->a[1] = m_any_page(r, &w.view[view]);
	op->a[2] = fz_one_in(r, 2) ? M_PAGE - 1 - fz_below(r, 64) :
				     fz_below(r, M_PAGE);
	op->a[3] = fz_one_in(r, 3);
	op->a[4] = fz_one_in(r, 6) ? 1 + fz_below(r, M_PAGE) :
				     1 + fz_below(r, 128);
	op->a[5] = fz_next(r) & 0xff;
	return true;
}

/* How much of the call is in its first page. */
static size_t m_head(const struct fz_access *a)
{
	size_t left = M_PAGE - (uintptr_t)a->p % M_PAGE;

	return left < a->len ? left : a->len;
}

/* The bytes that are copied before the first page that is refused. */
static size_t m_sys_do(struct m_view *v, struct fz_access *a, uint32_t access,
		       bool deny)
{
	uint64_t page = (a->p - v->map) / M_PAGE;
	size_t head = m_head(a);
	enum m_fate fate;

	if (w.max_pages)
		m_settle_all();
	m_settle_page(v, page);
	fate = m_access(v, page, access, true, gettid());
	if (fate == M_SLEEPS) {
		/* No further than that page. */
		a->len = head;
		return m_sleep(v, a, page, access, true, deny) == M_DONE ? head : 0;
	}
	if (fate == M_DONE && head < a->len && ++page < v->nr) {
		m_settle_page(v, page);
		if (m_would_sleep(v, page, access, true))
			a->len = head;
		else if (m_access(v, page, access, true, gettid()) == M_DONE)
			head = a->len;
	}
	fz_access_run(a);
	return fate == M_DONE ? head : 0;
}

/* The system call, and how many bytes it should copy, and does. */
static size_t m_sys_call(struct m_view *v, struct fz_access *a, uint32_t access,
			 bool deny)
{
	size_t want = m_sys_do(v, a, access, deny);

	run_count(want ? RUN_DONE : RUN_REFUSED);
	m_expect("signal", 0, a->sig);
	m_expect("bytes that are copied", want ? (long)want : -EFAULT, a->ret);
	return want;
}

static struct m_view *m_sys_at(const struct fz_op *op, struct fz_access *a)
{
	struct m_view *v = m_view_mapped(op->a[0]);

	if (!v || op->a[1] >= v->nr || !op->a[4] || op->a[4] > M_PAGE)
		return NULL;
	a->p = v->map + op->a[1] * M_PAGE + op->a[2] % M_PAGE;
	a->len = op->a[4];
	a->fd = w.file;
	return v;
}

/* Compare @len bytes of the zone, from @first and @offset on, with @got. */
static void m_compare_bytes(struct m_view *v, uint64_t page, size_t offset,
			    const unsigned char *got, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		size_t at = offset + i;

		m_expect("a byte that the kernel read",
			 m_data(&w.zone[v->zone], v->first + page +
				at / M_PAGE)[at % M_PAGE], got[i]);
	}
}

static void m_run_sys_read(const struct fz_op *op)
{
	struct fz_access a = { .how = FZ_SYS_READ };
	struct m_view *v = m_sys_at(op, &a);
	size_t len;

	if (!v)
		return;
	memset(w.file_map, 0xee, M_PAGE);
	len = m_sys_call(v, &a, CC_R, op->a[3]);
	m_compare_bytes(v, op->a[1], op->a[2] % M_PAGE, w.file_map, len);
}

const struct fz_type m_sys_read = {
	"sys_read", "view page offset deny bytes unused", 60, m_make_sys,
	m_run_sys_read,
};

static void m_run_sys_write(const struct fz_op *op)
{
	struct fz_access a = { .how = FZ_SYS_WRITE };
	struct m_view *v = m_sys_at(op, &a);
	size_t i, len, at;

	if (!v)
		return;
	for (i = 0; i < a.len; i++)
		w.file_map[i] = op->a[5] + i;
	len = m_sys_call(v, &a, CODECACHE_PROT_WRITE, op->a[3]);
	for (i = 0; i < len; i++) {
		at = op->a[2] % M_PAGE + i;
		m_data_to_write(&w.zone[v->zone], v->first + op->a[1] +
				at / M_PAGE)[at % M_PAGE] = op->a[5] + i;
	}
}

const struct fz_type m_sys_write = {
	"sys_write", "view page offset deny bytes value", 70, m_make_sys,
	m_run_sys_write,
};

/* ---- debuggers -------------------------------------------------------------------- */

/* Whatever the protection, but where nothing could be allowed; zeros if it is not there. */
static void m_run_peek(const struct fz_op *op)
{
	struct fz_access a = { 0 };
	struct m_view *v = m_sys_at(op, &a);
	unsigned char got[M_PAGE];
	size_t len;
	ssize_t n;

	if (!v)
		return;
	m_settle_page(v, op->a[1]);
	len = m_head(&a);
	if (v->kind == CODECACHE_VIEW_UFFD)
		w.zone[v->zone].resident[op->a[1]] = true;
	n = pread(w.memory, got, len, (uintptr_t)a.p);
	if (!m_usable(v, op->a[1], CC_R)) {
		m_expect("errno of a debugger", EIO, n < 0 ? errno : 0);
		return;
	}
	m_expect("pread of /proc/self/mem", len, n);
	/* A debugger does not see what only a uffd view has touched. */
	if (v->kind != CODECACHE_VIEW_UFFD &&
	    !w.zone[v->zone].filled[v->first + op->a[1]])
		return;
	m_compare_bytes(v, op->a[1], op->a[2] % M_PAGE, got, len);
}

const struct fz_type m_peek = {
	"peek", "view page offset unused bytes unused2", 20, m_make_sys,
	m_run_peek,
};

/* A child writes to our memory as a debugger does; 0 or the errno. */
static int m_poke_by_child(unsigned char *at, unsigned char value)
{
	char path[32];
	int fd, err;
	pid_t pid;

	snprintf(path, sizeof(path), "/proc/%d/mem", getpid());
	pid = cc_fork();
	if (pid)
		return cc_wait(pid);
	fd = open(path, O_WRONLY);
	err = fd < 0 ? EBADF : pwrite(fd, &value, 1, (uintptr_t)at) == 1 ? 0 :
	      errno;
	_exit(err);
}

static void m_run_poke(const struct fz_op *op)
{
	struct fz_access a = { 0 };
	struct m_view *v = m_sys_at(op, &a);
	uint64_t page = op->a[1];
	struct m_zone *z;
	bool may;

	if (!v || v->kind == CODECACHE_VIEW_UFFD)
		return;
	z = &w.zone[v->zone];
	m_settle_page(v, page);
	may = z->filled[v->first + page] && !z->sealed &&
	      m_usable(v, page, CODECACHE_PROT_WRITE);
	m_expect("errno of a debugger", may ? 0 : EIO,
		 m_poke_by_child(a.p, op->a[5]));
	if (!may)
		return;
	m_data_to_write(z, v->first + page)[op->a[2] % M_PAGE] = op->a[5];
	if (v->kind != CODECACHE_VIEW_EXEC)
		v->p[page].dirty = M_YES;
}

const struct fz_type m_poke = {
	"poke", "view page offset unused unused2 value", 4, m_make_sys, m_run_poke,
};
