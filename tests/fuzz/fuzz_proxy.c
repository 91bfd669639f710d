/*
 * fuzz_proxy: headers of the PROXY protocol, of any bytes.
 *
 * Promises: the verdict, once it comes, does not depend on how the bytes are cut; what is told are
 * addresses as the system writes them.
 */
#include <arpa/inet.h>
#include <string.h>

#include "base/must.h"
#include "http/proxy.h"
#include "tests/fuzz/target.h"

static void
address_check(const char *text)
{
	char again[INET6_ADDRSTRLEN];
	struct in6_addr address;
	int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;

	if (*text == '\0')
		return;
	must(inet_pton(family, text, &address) == 1);
	must(strcmp(inet_ntop(family, &address, again, sizeof(again)), text) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	struct hx_proxy whole, cut;
	int used = hx_proxy_read(bytes, size, &whole);

	must(used <= (int)size && used <= HX_PROXY_MOST);
	must(used == 0 || used < 0 || size > 0);
	for (size_t n = 0; n <= size && n < 300; n++) {
		int got = hx_proxy_read(bytes, n, &cut);

		must(got == 0 || got == used);
	}
	if (used <= 0)
		return 0;
	must(hx_proxy_read(bytes, (size_t)used, &cut) == used);
	must(memcmp(&cut, &whole, sizeof(cut)) == 0);
	must(whole.told || (*whole.client == '\0' && *whole.server == '\0' && !whole.tls));
	address_check(whole.client);
	address_check(whole.server);
	return 0;
}
