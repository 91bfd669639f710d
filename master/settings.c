/*
 * settings: `fastrdctl config`.
 *
 * Called by orders.c. A reload reads the file again: what counts is what the generation that serves was
 * loaded with.
 */
#include "master/settings.h"

#include <string.h>

#include "base/conf.h"
#include "master/conf.h"
#include "master/json.h"
#include "master/master.h"
#include "master/origin.h"

static void
list_put(struct master_json *j, const char *members, char separator)
{
	master_json_list(j, "value");
	while (*members != '\0') {
		const char *end = strchrnul(members, separator);

		master_json_bytes(j, NULL, members, (size_t)(end - members));
		members = end + (*end != '\0');
	}
	master_json_list_end(j);
}

static void
value_put(struct master_json *j, const struct conf *values, const struct conf_row *row)
{
	char word[CONF_NAME_BYTES];

	switch (row->type) {
	case CONF_TEXT:
		master_json_text(j, "value", conf_text(values, row));
		return;
	case CONF_LIST:
		list_put(j, conf_text(values, row), row->separator);
		return;
	case CONF_WORD:
		conf_word(values, row, word);
		master_json_text(j, "value", word);
		return;
	case CONF_SWITCH:
		master_json_truth(j, "value", conf_number(values, row) != 0);
		return;
	default:
		master_json_number(j, "value", conf_number(values, row));
	}
}

void
master_settings_report(struct master *m, struct master_json *j)
{
	const struct master_conf *c = m->serving != NULL ? m->serving->conf : m->conf;
	char name[MASTER_WHERE_BYTES];

	master_json_list(j, "settings");
	for (size_t i = 0; i < CONF_COUNT; i++) {
		const struct conf_row *row = &conf_rows[i];
		bool secret = (row->marks & CONF_SECRET) != 0;

		master_json_object(j, NULL);
		master_json_text(j, "name", row->name);
		if (secret && *conf_text(&c->values, row) != '\0')
			master_json_truth(j, "hidden", true);
		else
			value_put(j, &c->values, row);
		master_json_text(j, "origin", master_origin_where(c, row, name));
		master_json_object_end(j);
	}
	master_json_list_end(j);
}
