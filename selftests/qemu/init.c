// SPDX-License-Identifier: MIT
/*
 * PID 1 of a test guest: carries out /plan, reports on the second serial port
 *
 * The plan has one directive a line, its words separated by blanks (there is
 * no quoting), and # begins a comment line:
 *
 *   insmod FILE [PARAM=VALUE...]     load a module
 *   rmmod NAME                       unload it; busy is a failure
 *   run NAME SECONDS FILE [ARG...]   run a program, killed after SECONDS
 *   sysctl NAME VALUE                write VALUE to /proc/sys/NAME
 *   write FILE VALUE                 write VALUE to any file
 *   env NAME=VALUE                   environment of the following runs
 *   uid N                            user and group id of the following runs
 *   kmemleak                         scan twice; a finding is a failure
 *
 * What programs write to stdout and stderr is passed on as it is; init's own
 * lines begin with "#CC ":
 *
 *   #CC init RELEASE                 user space is up
 *   #CC insmod FILE, #CC rmmod NAME  about to happen
 *   #CC begin NAME
 *   #CC end NAME exit=N signal=N seconds=N.NNN [timeout]
 *   #CC fail WHAT: WHY               any other failure
 *   #CC dmesg NAME: LINE             the kernel log has a bad line
 *   #CC done                         the plan was carried out to its end
 *
 * A run's processes are all killed when its program has ended.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* One line of our own; the format begins with a literal and ends with \n. */
#define report(...) dprintf(results, "#CC " __VA_ARGS__)

/* The serial port that is not the console's: arm64's console is another kind. */
#ifdef __aarch64__
#define RESULTS	"/dev/ttyS0"
#else
#define RESULTS	"/dev/ttyS1"
#endif

enum { MAX_WORDS = 64, MAX_PATTERNS = 128, KILL_GRACE_MS = 10000 };

/* One execution of a program. */
struct run {
	const char *name;
	char **argv;
	long timeout_ms;
	pid_t pid;
	int out;		/* our end of the pipe from stdout and stderr */
	int status;		/* from waitpid() */
	bool exited;
	bool timed_out;
	bool mid_line;		/* the last byte passed on was no newline */
};

struct patterns {
	regex_t re[MAX_PATTERNS];
	size_t nr;
};

static int results = STDERR_FILENO;
static int child_signals;
static int kmsg = -1;
static unsigned int run_uid;
static struct patterns bad, allowed;

static void put(const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(results, buf, len);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			buf += n;
			len -= n;
		}
	}
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- setting up the guest ---- */

static void mount_all(void)
{
	static const struct {
		const char *type, *dir, *options;
	} fs[] = {
		{ "proc", "/proc", "" },
		{ "sysfs", "/sys", "" },
		{ "devtmpfs", "/dev", "" },
		{ "tmpfs", "/dev/shm", "mode=1777" },
		{ "devpts", "/dev/pts", "" },
		{ "tmpfs", "/tmp", "mode=1777" },
		{ "tmpfs", "/run", "mode=755" },
		{ "debugfs", "/sys/kernel/debug", "" },
		{ "tracefs", "/sys/kernel/tracing", "" },
		{ "cgroup2", "/sys/fs/cgroup", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(fs); i++) {
		mkdir(fs[i].dir, 0755);
		/* A kernel may lack some; tests that need them skip. */
		mount(fs[i].type, fs[i].dir, fs[i].type, 0, fs[i].options);
	}
}

static void open_results(void)
{
	struct termios tio;
	int fd = open(RESULTS, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (!tcgetattr(fd, &tio)) {
		cfmakeraw(&tio);
		tcsetattr(fd, TCSANOW, &tio);
	}
	results = fd;
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
}

static void write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		report("fail write %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* One extended regular expression a line; # begins a comment line. */
static void load_patterns(struct patterns *set, const char *path)
{
	char line[512];
	FILE *f = fopen(path, "re");

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (!line[0] || line[0] == '#')
			continue;
		if (set->nr == MAX_PATTERNS ||
		    regcomp(&set->re[set->nr], line, REG_EXTENDED | REG_NOSUB))
			report("fail %s: cannot use %s\n", path, line);
		else
			set->nr++;
	}
	fclose(f);
}

/* ---- the kernel's log ---- */

static bool matches(const struct patterns *set, const char *line)
{
	for (size_t i = 0; i < set->nr; i++)
		if (!regexec(&set->re[i], line, 0, NULL, 0))
			return true;
	return false;
}

/* Report the bad lines since the last call, as having happened in NAME. */
static void check_kernel_log(const char *name)
{
	char record[8192];
	ssize_t len;

	for (;;) {
		char *text;

		len = read(kmsg, record, sizeof(record) - 1);
		if (len < 0 && errno == EPIPE)	/* overrun: some were lost */
			continue;
		if (len <= 0)
			return;
		record[len] = 0;
		text = strchr(record, ';');
		text = text ? text + 1 : record;
		text[strcspn(text, "\n")] = 0;
		if (matches(&bad, text) && !matches(&allowed, text))
			report("dmesg %s: %s\n", name, text);
	}
}

/* ---- running programs ---- */

static void exec_child(const struct run *run, int out)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
	if (run_uid && (setgroups(0, NULL) || setgid(run_uid) ||
			setuid(run_uid))) {
		dprintf(STDERR_FILENO, "# uid %u: %s\n", run_uid, strerror(errno));
		_exit(127);
	}
	execv(run->argv[0], run->argv);
	dprintf(STDERR_FILENO, "# exec %s: %s\n", run->argv[0], strerror(errno));
	_exit(127);
}

static bool start(struct run *run)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC)) {
		report("fail run %s: pipe: %s\n", run->name, strerror(errno));
		return false;
	}
	run->pid = fork();
	if (!run->pid)
		exec_child(run, fds[1]);
	close(fds[1]);
	if (run->pid < 0) {
		report("fail run %s: fork: %s\n", run->name, strerror(errno));
		close(fds[0]);
		return false;
	}
	run->out = fds[0];
	fcntl(run->out, F_SETFL, O_NONBLOCK);
	return true;
}

/* Pass on what is in the pipe. False at its end. */
static bool forward(struct run *run)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(run->out, buf, sizeof(buf))) > 0) {
		put(buf, n);
		run->mid_line = buf[n - 1] != '\n';
	}
	return n < 0 && errno == EAGAIN;
}

/*
 * Reap every child that has ended, our program and orphans alike. False once
 * there is none left; the parent of an orphan being us, that means no process.
 */
static bool reap(struct run *run)
{
	struct signalfd_siginfo drop;
	int status;
	pid_t pid;

	while (read(child_signals, &drop, sizeof(drop)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == run->pid) {
			run->exited = true;
			run->status = status;
		}
	}
	return !pid;
}

/* Wait until the program has ended, passing on output; false after MS. */
static bool supervise(struct run *run, long ms)
{
	long end = now_ms() + ms, left;
	struct pollfd fds[2] = {
		{ .fd = child_signals, .events = POLLIN },
		{ .fd = run->out, .events = POLLIN },
	};

	for (;;) {
		reap(run);
		if (!forward(run))
			fds[1].fd = -1;
		if (run->exited)
			return true;
		left = end - now_ms();
		if (left <= 0)
			return false;
		poll(fds, 2, left);
	}
}

/* What holds a process that SIGKILL does not end? */
static void report_stuck(const struct run *run)
{
	char path[64], line[256];
	FILE *f;

	report("fail run %s: pid %d survives SIGKILL\n", run->name, run->pid);
	snprintf(path, sizeof(path), "/proc/%d/stack", run->pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		report("stack %s\n", line);
	}
	if (f)
		fclose(f);
	write_file("/proc/sysrq-trigger", "w");
}

/* End everything but ourselves, so that nothing outlives its run. */
static void kill_all(struct run *run)
{
	long end = now_ms() + KILL_GRACE_MS;
	struct pollfd fd = { .fd = child_signals, .events = POLLIN };

	while (kill(-1, SIGKILL), reap(run) && now_ms() < end)
		poll(&fd, 1, 20);
}

static void run_program(struct run *run)
{
	long begin = now_ms(), ms;

	report("begin %s\n", run->name);
	if (!start(run))
		return;
	if (!supervise(run, run->timeout_ms)) {
		run->timed_out = true;
		kill(-run->pid, SIGKILL);
		if (!supervise(run, KILL_GRACE_MS))
			report_stuck(run);
	}
	ms = now_ms() - begin;
	kill_all(run);
	forward(run);
	close(run->out);
	if (run->mid_line)
		put("\n", 1);
	if (run->timed_out)
		report("timeout %s: killed after %ld s\n", run->name, run->timeout_ms / 1000);
	check_kernel_log(run->name);
	report("end %s exit=%d signal=%d seconds=%ld.%03ld%s\n", run->name,
	       WIFEXITED(run->status) ? WEXITSTATUS(run->status) : 0,
	       WIFSIGNALED(run->status) ? WTERMSIG(run->status) : 0,
	       ms / 1000, ms % 1000, run->timed_out ? " timeout" : "");
}

/* ---- directives: each gets its words, NULL-terminated ---- */

static void do_run(char **word)
{
	struct run run = {
		.name = word[1],
		.timeout_ms = 1000 * strtol(word[2], NULL, 10),
		.argv = word + 3,
	};

	run_program(&run);
}

/*
 * Load or unload in a child: if the module's code oopses there, the guest goes
 * on and can tell. The child's exit status is the errno.
 */
static void in_child(char **word, int (*act)(char **word))
{
	int status;
	pid_t pid;

	report("%s %s\n", word[0], word[1]);
	pid = fork();
	if (!pid)
		_exit(act(word) ? errno : 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		report("fail %s %s: %s\n", word[0], word[1], strerror(errno));
	else if (WIFSIGNALED(status))
		report("fail %s %s: killed by signal %d\n", word[0], word[1],
		       WTERMSIG(status));
	else if (status)
		report("fail %s %s: %s\n", word[0], word[1],
		       strerror(WEXITSTATUS(status)));
	check_kernel_log(word[0]);
}

static int load(char **word)
{
	char params[1024] = "";
	int fd = open(word[1], O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	for (char **p = word + 2; *p; p++) {
		strncat(params, *p, sizeof(params) - strlen(params) - 2);
		strcat(params, " ");
	}
	return syscall(SYS_finit_module, fd, params, 0);
}

static int unload(char **word)
{
	return syscall(SYS_delete_module, word[1], O_NONBLOCK);
}

static void do_insmod(char **word)
{
	in_child(word, load);
}

static void do_rmmod(char **word)
{
	in_child(word, unload);
}

static void do_sysctl(char **word)
{
	char path[256];

	snprintf(path, sizeof(path), "/proc/sys/%s", word[1]);
	if (!strchr(word[1], '/'))
		for (char *p = path; *p; p++)
			if (*p == '.')
				*p = '/';
	write_file(path, word[2]);
}

static void do_write(char **word)
{
	write_file(word[1], word[2]);
}

static void do_env(char **word)
{
	putenv(word[1]);
}

static void do_uid(char **word)
{
	run_uid = strtoul(word[1], NULL, 10);
}

/* Objects younger than some seconds are not reported: scan, wait, scan. */
static void do_kmemleak(char **word)
{
	static const char path[] = "/sys/kernel/debug/kmemleak";
	char line[512];
	size_t nr = 0;
	FILE *f;

	(void)word;
	write_file(path, "scan");
	sleep(6);
	write_file(path, "scan");
	f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		report("kmemleak %s\n", line);
		nr += !strncmp(line, "unreferenced", 12);
	}
	fclose(f);
	if (nr)
		report("fail kmemleak: %zu objects leaked\n", nr);
	write_file(path, "clear");
}

static const struct {
	const char *name;
	int min_words;
	void (*handler)(char **word);
} directives[] = {
	{ "insmod", 2, do_insmod },
	{ "rmmod", 2, do_rmmod },
	{ "run", 4, do_run },
	{ "sysctl", 3, do_sysctl },
	{ "write", 3, do_write },
	{ "env", 2, do_env },
	{ "uid", 2, do_uid },
	{ "kmemleak", 1, do_kmemleak },
};

static void carry_out(char *line)
{
	char *word[MAX_WORDS + 1] = { NULL };
	char *save, *copy = strdup(line);	/* env keeps pointers into it */
	int nr = 0;

	for (char *w = strtok_r(copy, " \t\n", &save); w && nr < MAX_WORDS;
	     w = strtok_r(NULL, " \t\n", &save))
		word[nr++] = w;
	if (!nr || word[0][0] == '#')
		return;
	for (size_t i = 0; i < ARRAY_SIZE(directives); i++) {
		if (strcmp(word[0], directives[i].name))
			continue;
		if (nr < directives[i].min_words)
			break;
		directives[i].handler(word);
		return;
	}
	line[strcspn(line, "\n")] = 0;
	report("fail plan: cannot understand: %s\n", line);
}

static void read_plan(void)
{
	static char line[4096];
	FILE *f = fopen("/plan", "re");

	if (!f) {
		report("fail plan: %s\n", strerror(errno));
		return;
	}
	while (fgets(line, sizeof(line), f))
		carry_out(line);
	fclose(f);
}

static void power_off(void)
{
	sync();
	tcdrain(results);
	reboot(RB_POWER_OFF);
	reboot(RB_AUTOBOOT);	/* ends QEMU too, which runs with -no-reboot */
	for (;;)
		pause();
}

int main(void)
{
	struct utsname uts;
	sigset_t set;

	mount_all();
	open_results();
	uname(&uts);
	report("init %s\n", uts.release);

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	child_signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	loopback_up();
	setenv("PATH", "/bin", 1);
	setenv("HOME", "/tmp", 1);
	load_patterns(&bad, "/dmesg-bad.txt");
	load_patterns(&allowed, "/dmesg-allow.txt");
	/* From here on: the host looks through the whole log. */
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	lseek(kmsg, 0, SEEK_END);

	read_plan();
	check_kernel_log("end");
	report("done\n");
	power_off();
}
