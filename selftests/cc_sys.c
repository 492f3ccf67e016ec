// SPDX-License-Identifier: MIT
/*
 * Shared by the tests: what procfs, sysfs, debugfs and cgroupfs say
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cc_test.h"

/* ---- time ----------------------------------------------------------------- */

long long cc_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

int cc_slow(void)
{
	static int slow;
	const char *text;

	if (!slow) {
		text = getenv("CODECACHE_SLOW");
		slow = text ? atoi(text) : 1;
		if (slow < 1)
			slow = 1;
	}
	return slow;
}

bool cc_patient(long long since)
{
	usleep(2000);
	return cc_now_ms() - since < CC_PATIENCE_MS;
}

/* ---- files ---------------------------------------------------------------- */

int cc_write_file(const char *path, const char *text)
{
	size_t len = strlen(text);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		err = -errno;
	close(fd);
	return err;
}

ssize_t cc_read_file(const char *path, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (len < size - 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n <= 0)
			break;
		len += n;
	}
	buf[len] = 0;
	close(fd);
	return n < 0 ? -errno : (ssize_t)len;
}

long long cc_value(const char *path, const char *key)
{
	size_t len = strlen(key);
	long long value = -1;
	char line[512];
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, len))
			continue;
		if (line[len] != ':' && line[len] != ' ')
			continue;
		value = strtoll(line + len + 1, NULL, 10);
		break;
	}
	if (f)
		fclose(f);
	return value;
}

long long cc_number(const char *path)
{
	char text[64], *end;
	long long value;

	if (cc_read_file(path, text, sizeof(text)) <= 0)
		return -1;
	value = strtoll(text, &end, 10);
	return end == text ? -1 : value;
}

/* ---- debugfs -------------------------------------------------------------- */

long long cc_total(const char *key)
{
	return cc_value(CC_DEBUGFS "/totals", key);
}

bool cc_total_becomes(const char *key, long long want)
{
	long long since = cc_now_ms();

	do {
		if (cc_total(key) == want)
			return true;
	} while (cc_patient(since));
	return false;
}

bool cc_nothing_left(void)
{
	return cc_total_becomes("charged_objects", 0) &&
	       cc_total_becomes("charged_pages", 0) &&
	       cc_total_becomes("caches", 0);
}

int cc_debugfs_dir(char path[CC_PATH], int cache, int zone, int view)
{
	static const char * const nouns[] = { "cache", "zone", "view" };
	const int fds[] = { cache, zone, view };
	struct codecache_stats_args stats;
	int len = snprintf(path, CC_PATH, "%s", CC_DEBUGFS);
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_LEN(fds) && fds[i] >= 0; i++) {
		err = cc_stats(fds[i], &stats);
		if (err)
			return err;
		len += snprintf(path + len, CC_PATH - len, "/%s-%llu", nouns[i],
				(unsigned long long)stats.out_id);
	}
	return 0;
}

long long cc_pages_with(int cache, int zone, int view, uint32_t prot)
{
	char dir[CC_PATH], path[CC_PATH + 16], key[4];

	if (cc_debugfs_dir(dir, cache, zone, view))
		return -1;
	snprintf(path, sizeof(path), "%s/protections", dir);
	snprintf(key, sizeof(key), "%c%c%c",
		 prot & CODECACHE_PROT_READ ? 'r' : '-',
		 prot & CODECACHE_PROT_WRITE ? 'w' : '-',
		 prot & CODECACHE_PROT_EXEC ? 'x' : '-');
	return cc_value(path, key);
}

/* ---- our mappings ---------------------------------------------------------- */

int cc_nr_vmas(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	int c, nr = 0;

	while (f && (c = getc(f)) != EOF)
		nr += c == '\n';
	if (f)
		fclose(f);
	return nr;
}

static bool cc_line_covers(const char *line, const void *addr)
{
	unsigned long long start, end;

	return sscanf(line, "%llx-%llx ", &start, &end) == 2 &&
	       start <= (uintptr_t)addr && (uintptr_t)addr < end;
}

bool cc_is_mapped(const void *addr)
{
	FILE *f = fopen("/proc/self/maps", "re");
	bool found = false;
	char line[512];

	while (f && !found && fgets(line, sizeof(line), f))
		found = cc_line_covers(line, addr);
	if (f)
		fclose(f);
	return found;
}

bool cc_vm_flag(const void *addr, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	bool here = false, found = false;
	char line[512], word[8];

	snprintf(word, sizeof(word), " %s ", flag);
	while (f && fgets(line, sizeof(line), f)) {
		here |= cc_line_covers(line, addr);
		if (!here || strncmp(line, "VmFlags:", 8))
			continue;
		found = strstr(line, word);
		break;
	}
	if (f)
		fclose(f);
	return found;
}

/* ---- tracepoints ------------------------------------------------------------ */

#define CC_EVENTS CC_TRACEFS "/events/codecache/enable"

int cc_trace_enable(bool on)
{
	/*
	 * Without names of processes: for these the kernel patches its scheduler while
	 * it runs, and QEMU's TCG has executed the breakpoint of that when it was gone.
	 */
	cc_write_file(CC_TRACEFS "/options/record-cmd", "0");
	return cc_write_file(CC_EVENTS, on ? "1" : "0");
}

bool cc_trace_start(void)
{
	int fd;

	if (access(CC_EVENTS, W_OK))
		return false;
	if (cc_write_file(CC_TRACEFS "/tracing_on", "1") || cc_trace_enable(true))
		return false;
	fd = open(CC_TRACEFS "/trace", O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

ssize_t cc_trace_stop(char *text, size_t size)
{
	int err = cc_trace_enable(false);

	return err ? err : cc_read_file(CC_TRACEFS "/trace", text, size);
}

bool cc_traced(const char *text, const char *event, const char *words)
{
	char needle[256];

	snprintf(needle, sizeof(needle), "%s: %s", event, words);
	if (strstr(text, needle))
		return true;
	printf("# no %s\n", needle);
	return false;
}

/* ---- module parameters ------------------------------------------------------ */

long long cc_param(const char *name)
{
	char path[CC_PATH];

	snprintf(path, sizeof(path), CC_PARAMS "/%s", name);
	return cc_number(path);
}

int cc_set_param(const char *name, unsigned long long value)
{
	char path[CC_PATH], text[32];

	snprintf(path, sizeof(path), CC_PARAMS "/%s", name);
	snprintf(text, sizeof(text), "%llu", value);
	return cc_write_file(path, text);
}

/* ---- memory cgroups --------------------------------------------------------- */

int cc_cgroup_make(char path[CC_PATH], const char *name)
{
	int err = cc_write_file(CC_CGROUPFS "/cgroup.subtree_control", "+memory");

	if (err)
		return err;
	snprintf(path, CC_PATH, CC_CGROUPFS "/%s", name);
	return mkdir(path, 0755) && errno != EEXIST ? -errno : 0;
}

int cc_cgroup_enter(const char *path)
{
	char procs[CC_PATH + 16];

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
	return cc_write_file(procs, "0");
}

int cc_cgroup_remove(const char *path)
{
	long long since = cc_now_ms();

	while (rmdir(path)) {
		if (errno != EBUSY || !cc_patient(since))
			return -errno;
	}
	return 0;
}
