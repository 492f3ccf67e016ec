// SPDX-License-Identifier: MIT
#include <codecache.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void check(int error)
{
	if (!error)
		return;
	fprintf(stderr, "codecache: %s\n", codecache_strerror(error));
	exit(EXIT_FAILURE);
}

int main(void)
{
	struct pollfd event = {
		.fd = eventfd(0, EFD_CLOEXEC),
		.events = POLLIN,
	};
	const struct codecache_control *control;
	struct codecache_reader *reader;
	struct codecache_cache *cache;
	uint64_t cookie, outer;
	int inside, told, over;

	check(codecache_open(&cache));
	check(codecache_control_page(cache, &control));
	check(codecache_reader_register(cache, &reader));

	/* A grace period waits for this thread, and so cannot be waited for. */
	outer = codecache_reader_enter(reader);
	check(codecache_grace_start(cache, 0, &cookie));
	check(codecache_grace_eventfd(cache, cookie, event.fd));
	inside = codecache_grace_wait(cache, cookie, 0, 0);
	printf("inside: %s\n", codecache_strerror(inside));
	codecache_reader_exit(reader, outer);

	/* Outside, an event loop is told when it is over. */
	told = poll(&event, 1, 60000);
	over = codecache_grace_completed(control) >= cookie &&
	       !codecache_grace_poll(cache, cookie);
	printf("outside: it is %sover\n", over ? "" : "not ");

	check(codecache_reader_unregister(reader));
	codecache_close(cache);
	close(event.fd);
	return inside == -EDEADLK && told == 1 && over ? 0 : EXIT_FAILURE;
}
