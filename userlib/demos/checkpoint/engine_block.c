// SPDX-License-Identifier: MIT
/*
 * The engine block: a mutator that traps sleeps, a monitor copies the page for it
 *
 * The mutators need no signal handler and know nothing of all this. The monitor
 * reads events from the view's descriptor, and answers each with RESOLVE once the
 * page is copied.
 *
 * An event can be late: the copier may have opened the page meanwhile, and so woken
 * the mutator; the snapshot may be over, and the next one begun, by the time that
 * the monitor gets to the event. Were the monitor then between having seen that the
 * page needs no copy and RESOLVE, it would open a page of the new snapshot that
 * nobody has copied. So arming waits for the lock @answer, which the monitor
 * holds from that look to the end of RESOLVE. A late event that is answered
 * afterwards only makes one page copied early.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine_codecache.h"
#include "world.h"

#define EVENTS	64

static void monitor_answer(struct engine *e, struct zone_engine *z,
			   const struct codecache_event *event)
{
	int err;

	pthread_mutex_lock(&z->answer);
	copier_save(&e->copier, event->page);
	err = codecache_view_resolve(z->view, event->page, 1,
				     CODECACHE_PROT_READ | CODECACHE_PROT_WRITE, 0, NULL);
	pthread_mutex_unlock(&z->answer);
	if (err)
		die("a block trap cannot be answered: %s", codecache_strerror(err));
}

static void *monitor_thread(void *arg)
{
	struct engine *e = arg;
	struct zone_engine *z = e->priv;
	struct codecache_event events[EVENTS];
	struct pollfd fds[] = {
		{ .fd = codecache_view_fd(z->view), .events = POLLIN },
		{ .fd = z->quit, .events = POLLIN },
	};
	size_t nr, i;
	int err;

	while (!fds[1].revents) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			die("poll: %s", strerror(errno));
		/* -EAGAIN: the copier has woken the mutator before we came. */
		err = codecache_view_read_events(z->view, events, EVENTS, &nr);
		if (err && err != -EAGAIN && err != -EINTR)
			die("events cannot be read: %s", codecache_strerror(err));
		for (i = 0; i < nr; i++)
			monitor_answer(e, z, &events[i]);
	}
	return NULL;
}

static int engine_block_open(struct engine *e)
{
	int err = zone_engine_open(e, CODECACHE_TRAP_BLOCK), fd, flags;
	struct zone_engine *z = e->priv;

	if (err)
		return err;
	pthread_mutex_init(&z->answer, NULL);
	fd = codecache_view_fd(z->view);
	flags = fcntl(fd, F_GETFL);
	z->quit = eventfd(0, EFD_CLOEXEC);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) || z->quit < 0)
		die("no monitor: %s", strerror(errno));
	if (pthread_create(&z->monitor, NULL, monitor_thread, e))
		die("no threads");
	return 0;
}

static void engine_block_close(struct engine *e)
{
	struct zone_engine *z = e->priv;

	if (eventfd_write(z->quit, 1))
		die("eventfd: %s", strerror(errno));
	pthread_join(z->monitor, NULL);
	close(z->quit);
	pthread_mutex_destroy(&z->answer);
	zone_engine_close(e);
}

static int engine_block_arm(struct engine *e, struct shot *shot)
{
	struct zone_engine *z = e->priv;
	int err;

	pthread_mutex_lock(&z->answer);
	err = zone_engine_arm(e, shot);
	pthread_mutex_unlock(&z->answer);
	return err;
}

const struct engine_ops engine_block = {
	.name = "block",
	.what = "PROTECT; a mutator that traps sleeps, a monitor copies the page",
	.deltas = true,
	.traps = true,
	.open = engine_block_open,
	.close = engine_block_close,
	.arm = engine_block_arm,
	.allow = zone_engine_allow,
};
