// SPDX-License-Identifier: MIT
/*
 * What a guest knows of coverage, as text: for each of the module's files
 *
 *	gcda NAME
 *	data HEX...
 *
 * A module that was unloaded is in there too: the kernel keeps its counters.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int dump(const char *path, const struct stat *st, int type,
		struct FTW *ftw)
{
	unsigned char buf[32];
	size_t len = strlen(path);
	ssize_t n, i;
	int fd;

	(void)st;
	if (type != FTW_F || len < 5 || strcmp(path + len - 5, ".gcda"))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	printf("gcda %s\n", path + ftw->base);
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		printf("data ");
		for (i = 0; i < n; i++)
			printf("%02x", buf[i]);
		putchar('\n');
	}
	close(fd);
	return 0;
}

int main(void)
{
	if (nftw("/sys/kernel/debug/gcov", dump, 16, FTW_PHYS)) {
		perror("/sys/kernel/debug/gcov");
		return 1;
	}
	return 0;
}
