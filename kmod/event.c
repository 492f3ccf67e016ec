// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache events: threads that sleep in block traps, and who answers them
 *
 * Concepts: an *event* stands for all threads that sleep on one page. It is
 *           pending until read() returns it, and there until it is answered or
 *           its last waiter has left. Answering takes it out of the table and
 *           wakes the waiters, who try their access again. One who is to get the
 *           signal leaves a *verdict* behind, that its next trap finds: the fault
 *           handler has to give its lock up before it sleeps, and then can say
 *           nothing but "again".
 * Locking:  events->lock (mutex) protects everything; taken alone or under
 *           view->lock. Threads join under view->lock shared, with the trap still
 *           true; answers that come with a change of protection are given under
 *           view->lock exclusive: so none is missed.
 * Lifetime: an event is freed by its last waiter, under the lock. Sleepers pin
 *           the file of the mapping (trap.c), and so the view.
 *
 * Races:
 *  - Nobody can answer any more: the last descriptor is closed (->release()), or
 *    the process that read last closes its own or dies (->flush() with its
 *    descriptor table). Then all are woken, and traps are signals.
 *  - munmap() against sleepers: they are woken and find no mapping.
 *  - A waiter is killed or gets a signal: it leaves; its event goes with the last.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/poll.h>
#include <linux/ptrace.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "codecache_priv.h"

/**
 * struct codecache_pending - an event: what threads sleep for
 * @by_page: in events->by_page, until it is answered
 * @node: in events->pending; empty: it has been read
 * @wait: where they sleep
 * @seq: its place in the view's sequence
 * @page: page of the view
 * @access: CODECACHE_PROT_* that the first waiter wants
 * @wants: CODECACHE_PROT_* that any of them wants
 * @flags: CODECACHE_EVENT_F_*
 * @tid: the first waiter's
 * @nr_waiters: those who sleep
 * @answer: enum codecache_answer; written once, read without the lock
 */
struct codecache_pending {
	struct rb_node by_page;
	struct list_head node;
	wait_queue_head_t wait;
	u64 seq;
	unsigned long page;
	u32 access;
	u32 wants;
	u32 flags;
	struct pid *tid;
	unsigned int nr_waiters;
	int answer;
};

/**
 * struct codecache_waiter - one thread in a trap, or its verdict
 * @node: in events->verdicts
 * @event: for which it sleeps
 * @tid: thread
 * @page: page of the view
 * @ip: the instruction, or that of the system call
 */
struct codecache_waiter {
	struct list_head node;
	struct codecache_pending *event;
	struct pid *tid;
	unsigned long page;
	unsigned long ip;
};

static void codecache_waiter_free(struct codecache_waiter *waiter)
{
	put_pid(waiter->tid);
	kfree(waiter);
}

static void codecache_event_free(struct codecache_pending *event)
{
	put_pid(event->tid);
	kfree(event);
}

/**
 * codecache_events_init - of a new view
 * @events: to be set up
 *
 * Context: process.
 */
void codecache_events_init(struct codecache_events *events)
{
	mutex_init(&events->lock);
	events->by_page = RB_ROOT;
	INIT_LIST_HEAD(&events->pending);
	INIT_LIST_HEAD(&events->verdicts);
	init_waitqueue_head(&events->readers);
}

/**
 * codecache_events_destroy - of a view that goes
 * @events: nobody sleeps any more
 *
 * Context: process; sleeps.
 */
void codecache_events_destroy(struct codecache_events *events)
{
	struct codecache_waiter *waiter, *next;

	list_for_each_entry_safe(waiter, next, &events->verdicts, node)
		codecache_waiter_free(waiter);
	mutex_destroy(&events->lock);
}

/* ---- events by page ------------------------------------------------------ */

/*
 * A tree whose nodes are in the events. An xarray would have nodes of its own for each
 * page, or nearly, which are allocated, and freed by RCU some time later.
 */
static struct codecache_pending *codecache_pending_of(struct rb_node *node)
{
	return rb_entry_safe(node, struct codecache_pending, by_page);
}

/* The event of the first page from @page on that has one. */
static struct codecache_pending *
codecache_event_from(struct codecache_events *events, unsigned long page)
{
	struct rb_node *node = events->by_page.rb_node;
	struct codecache_pending *event, *found = NULL;

	lockdep_assert_held(&events->lock);
	while (node) {
		event = codecache_pending_of(node);
		if (event->page >= page) {
			found = event;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

static struct codecache_pending *
codecache_event_of(struct codecache_events *events, unsigned long page)
{
	struct codecache_pending *event = codecache_event_from(events, page);

	return event && event->page == page ? event : NULL;
}

static struct codecache_pending *
codecache_event_after(struct codecache_pending *event)
{
	return codecache_pending_of(rb_next(&event->by_page));
}

static bool codecache_event_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct codecache_pending, by_page)->page <
	       rb_entry(b, struct codecache_pending, by_page)->page;
}

/* ---- waiters ------------------------------------------------------------- */

static unsigned long codecache_current_ip(void)
{
	return instruction_pointer(task_pt_regs(current));
}

/* Is this thread to get the signal for this access? Older verdicts are void. */
static bool codecache_verdict_take(struct codecache_events *events,
				   unsigned long page)
{
	struct codecache_waiter *waiter, *next;
	bool found = false;

	lockdep_assert_held(&events->lock);
	list_for_each_entry_safe(waiter, next, &events->verdicts, node) {
		if (waiter->tid != task_pid(current))
			continue;
		found |= waiter->page == page &&
			 waiter->ip == codecache_current_ip();
		list_del(&waiter->node);
		codecache_waiter_free(waiter);
	}
	return found;
}

/* Threads that ended before they tried again leave verdicts: clear them up. */
static void codecache_verdicts_prune(struct codecache_events *events)
{
	struct codecache_waiter *waiter, *next;
	bool gone;

	lockdep_assert_held(&events->lock);
	list_for_each_entry_safe(waiter, next, &events->verdicts, node) {
		rcu_read_lock();
		gone = !pid_task(waiter->tid, PIDTYPE_PID);
		rcu_read_unlock();
		if (!gone)
			continue;
		list_del(&waiter->node);
		codecache_waiter_free(waiter);
	}
}

static struct codecache_pending *
codecache_event_create(struct codecache_view *view, unsigned long page,
		       u32 access, bool kernel)
{
	struct codecache_events *events = &view->events;
	struct codecache_pending *event;

	lockdep_assert_held(&events->lock);
	event = kzalloc(sizeof(*event), GFP_KERNEL_ACCOUNT);
	if (!event)
		return NULL;
	init_waitqueue_head(&event->wait);
	event->seq = atomic64_inc_return(&view->seq);
	event->page = page;
	event->access = access;
	event->flags = kernel ? CODECACHE_EVENT_F_KERNEL : 0;
	event->tid = get_pid(task_pid(current));
	rb_add(&event->by_page, &events->by_page, codecache_event_less);
	list_add_tail(&event->node, &events->pending);
	wake_up_interruptible_poll(&events->readers, EPOLLIN | EPOLLRDNORM);
	return event;
}

static struct codecache_waiter *
codecache_event_join_locked(struct codecache_view *view, unsigned long page,
			    u32 access, bool kernel)
{
	struct codecache_events *events = &view->events;
	struct codecache_pending *event;
	struct codecache_waiter *waiter;

	if (codecache_verdict_take(events, page) || events->left ||
	    events->closed)
		return NULL;
	waiter = kzalloc(sizeof(*waiter), GFP_KERNEL_ACCOUNT);
	if (!waiter)
		return ERR_PTR(-ENOMEM);
	event = codecache_event_of(events, page);
	if (!event)
		event = codecache_event_create(view, page, access, kernel);
	if (!event) {
		kfree(waiter);
		return ERR_PTR(-ENOMEM);
	}
	event->nr_waiters++;
	event->wants |= access;
	waiter->event = event;
	waiter->tid = get_pid(task_pid(current));
	waiter->page = page;
	waiter->ip = codecache_current_ip();
	return waiter;
}

/**
 * codecache_event_join - the current thread is going to sleep on a page
 * @view: the view
 * @page: page that it may not access
 * @access: CODECACHE_PROT_* that it wants
 * @kernel: for a system call
 *
 * Context: process; sleeps; view->lock held shared.
 * Return: to be passed to codecache_event_wait(); NULL: it is to get the signal;
 * ERR_PTR(-ENOMEM).
 */
struct codecache_waiter *codecache_event_join(struct codecache_view *view,
					      unsigned long page, u32 access,
					      bool kernel)
{
	struct codecache_waiter *waiter;

	mutex_lock(&view->events.lock);
	waiter = codecache_event_join_locked(view, page, access, kernel);
	mutex_unlock(&view->events.lock);
	return waiter;
}

static void codecache_event_quit(struct codecache_events *events,
				 struct codecache_waiter *waiter)
{
	struct codecache_pending *event = waiter->event;
	int answer = event->answer;

	lockdep_assert_held(&events->lock);
	if (!--event->nr_waiters) {
		if (answer == CODECACHE_ANSWER_NONE) {
			rb_erase(&event->by_page, &events->by_page);
			list_del(&event->node);
		}
		codecache_event_free(event);
	}
	if (answer != CODECACHE_ANSWER_SIGNAL) {
		codecache_waiter_free(waiter);
		return;
	}
	codecache_verdicts_prune(events);
	list_add(&waiter->node, &events->verdicts);
}

/**
 * codecache_event_wait - sleep until there is an answer, or a signal
 * @view: pinned by the caller
 * @waiter: of codecache_event_join(); consumed
 * @interruptible: any signal ends it, else only fatal ones
 *
 * Context: process; no lock held.
 */
void codecache_event_wait(struct codecache_view *view,
			  struct codecache_waiter *waiter, bool interruptible)
{
	struct codecache_pending *event = waiter->event;

	/* The waiter keeps the event; @answer is written under the lock. */
	if (interruptible)
		(void)wait_event_interruptible(event->wait,
					       READ_ONCE(event->answer));
	else
		(void)wait_event_killable(event->wait,
					  READ_ONCE(event->answer));
	mutex_lock(&view->events.lock);
	codecache_event_quit(&view->events, waiter);
	mutex_unlock(&view->events.lock);
}

/* ---- answers ------------------------------------------------------------- */

static u64 codecache_event_answer(struct codecache_view *view,
				  struct codecache_pending *event,
				  enum codecache_answer answer)
{
	u64 nr = event->nr_waiters;

	lockdep_assert_held(&view->events.lock);
	rb_erase(&event->by_page, &view->events.by_page);
	list_del_init(&event->node);
	WRITE_ONCE(event->answer, answer);
	/* They free the event only when they get the lock. */
	wake_up_all(&event->wait);
	return nr;
}

/**
 * codecache_events_answer - wake all who sleep on some pages
 * @view: the view
 * @first: first page
 * @last: last page
 * @answer: what they are told
 *
 * Context: process; sleeps; view->lock may be held.
 * Return: threads that were woken.
 */
u64 codecache_events_answer(struct codecache_view *view, unsigned long first,
			    unsigned long last, enum codecache_answer answer)
{
	struct codecache_events *events = &view->events;
	struct codecache_pending *event, *next;
	u64 nr = 0, nr_events = 0;

	mutex_lock(&events->lock);
	for (event = codecache_event_from(events, first);
	     event && event->page <= last; event = next) {
		next = codecache_event_after(event);
		nr += codecache_event_answer(view, event, answer);
		nr_events++;
	}
	mutex_unlock(&events->lock);
	codecache_count(&view->counters, CODECACHE_NR_EVENTS_RESOLVED,
			nr_events);
	return nr;
}

/**
 * codecache_events_recheck - wake all whose page now allows what they want
 * @view: the view
 *
 * Context: process; sleeps; view->lock held for writing, so that nobody joins.
 */
void codecache_events_recheck(struct codecache_view *view)
{
	struct codecache_events *events = &view->events;
	struct codecache_pending *event, *next;
	u64 nr = 0;
	u32 value;

	mutex_lock(&events->lock);
	for (event = codecache_event_from(events, 0); event; event = next) {
		next = codecache_event_after(event);
		value = codecache_protmap_get(&view->prots, event->page);
		if (codecache_value_prot(value) & event->wants) {
			codecache_event_answer(view, event,
					       CODECACHE_ANSWER_RETRY);
			nr++;
		}
	}
	mutex_unlock(&events->lock);
	codecache_count(&view->counters, CODECACHE_NR_EVENTS_RESOLVED, nr);
}

static void codecache_events_dismiss(struct codecache_view *view)
{
	struct codecache_pending *event;

	lockdep_assert_held(&view->events.lock);
	while ((event = codecache_event_from(&view->events, 0)))
		codecache_event_answer(view, event, CODECACHE_ANSWER_RETRY);
}

/**
 * codecache_events_close - the last descriptor of the view is closed
 * @view: the view
 *
 * Context: process; sleeps.
 */
void codecache_events_close(struct codecache_view *view)
{
	mutex_lock(&view->events.lock);
	view->events.closed = true;
	codecache_events_dismiss(view);
	mutex_unlock(&view->events.lock);
}

/**
 * codecache_events_leave - a process closes a descriptor of the view
 * @view: the view
 * @files: its descriptor table
 *
 * Context: process; sleeps.
 */
void codecache_events_leave(struct codecache_view *view, const void *files)
{
	struct codecache_events *events = &view->events;

	mutex_lock(&events->lock);
	if (events->monitor == files) {
		events->monitor = NULL;
		events->left = true;
		codecache_events_dismiss(view);
	}
	mutex_unlock(&events->lock);
}

/* ---- readers ------------------------------------------------------------- */

static void codecache_event_fill(const struct codecache_pending *event,
				 struct codecache_event *out)
{
	*out = (struct codecache_event){
		.seq = event->seq,
		.page = event->page,
		.access = event->access,
		.tid = pid_nr_ns(event->tid, task_active_pid_ns(current)),
		.flags = event->flags,
	};
}

/* Copy events out while they stay pending if that fails. */
static ssize_t codecache_events_take(struct codecache_events *events,
				     char __user *buf, size_t count)
{
	struct codecache_pending *event, *next;
	struct codecache_event out;
	ssize_t done = 0;

	lockdep_assert_held(&events->lock);
	list_for_each_entry_safe(event, next, &events->pending, node) {
		if (done + sizeof(out) > count)
			break;
		codecache_event_fill(event, &out);
		if (copy_to_user_nofault(buf + done, &out, sizeof(out)))
			return done ? done : -EFAULT;
		list_del_init(&event->node);
		done += sizeof(out);
	}
	return done;
}

static ssize_t codecache_events_try(struct codecache_view *view,
				    char __user *buf, size_t count)
{
	struct codecache_events *events = &view->events;
	ssize_t done;

	mutex_lock(&events->lock);
	events->monitor = current->files;
	events->left = false;
	done = codecache_events_take(events, buf, count);
	mutex_unlock(&events->lock);
	return done;
}

/**
 * codecache_events_read - the read() of a view's descriptor
 * @view: the view
 * @buf: user memory
 * @count: bytes
 * @nonblock: do not wait
 *
 * Context: process; sleeps. User memory is faulted in without the lock: the
 * fault may be one of this very view.
 * Return: bytes, -EINVAL, -EAGAIN, -EFAULT or -ERESTARTSYS.
 */
ssize_t codecache_events_read(struct codecache_view *view, char __user *buf,
			      size_t count, bool nonblock)
{
	struct codecache_events *events = &view->events;
	ssize_t done;

	if (count < sizeof(struct codecache_event))
		return -EINVAL;
	for (;;) {
		done = codecache_events_try(view, buf, count);
		if (done > 0)
			return done;
		if (done == -EFAULT) {
			if (fault_in_writeable(buf,
					       sizeof(struct codecache_event)))
				return -EFAULT;
			if (signal_pending(current))
				return -ERESTARTSYS;
			continue;
		}
		if (nonblock)
			return -EAGAIN;
		if (wait_event_interruptible(events->readers,
					     !list_empty(&events->pending)))
			return -ERESTARTSYS;
	}
}

/**
 * codecache_events_poll - the poll() of a view's descriptor
 * @view: the view
 * @file: of the descriptor
 * @wait: the caller's
 *
 * Context: process.
 * Return: EPOLLIN if an event can be read.
 */
__poll_t codecache_events_poll(struct codecache_view *view, struct file *file,
			       struct poll_table_struct *wait)
{
	poll_wait(file, &view->events.readers, wait);
	return list_empty(&view->events.pending) ? 0 :
						   EPOLLIN | EPOLLRDNORM;
}
