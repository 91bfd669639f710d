/*
 * pieces: from the application's bytes, or from a file, into the output.
 *
 * Called by reply.c and worker/websocket/websocket.c. Small pieces are copied, large ones
 * referred to; the same goes for files, of which a small piece is read here and a large one goes
 * to the socket when it is its turn. Nothing here may wait for anything but the disk.
 */
#include "worker/pieces.h"

#include "base/log.h"
#include "http/serialize.h"

/* A short piece of a file. */
static enum worker_piece_result
file_read_put(struct worker_conn *c, struct hx_piece piece)
{
	char *room = io_output_reserve(&c->out, piece.bytes.len);
	ssize_t len = room != NULL ? hx_exchange_piece_read(piece, room) : 0;

	if (room != NULL)
		io_output_commit(&c->out, len > 0 ? (size_t)len : 0);
	if (len < 0)
		log_warn("a file cannot be read");
	else if (room != NULL && (size_t)len < piece.bytes.len)
		log_warnx("a file has become shorter before it was sent");
	hx_exchange_piece_drop(piece);
	if (room == NULL)
		return WORKER_PIECE_FAILED;
	return len >= 0 && (size_t)len == piece.bytes.len ? WORKER_PIECE_PUT : WORKER_PIECE_CUT;
}

static enum worker_piece_result
file_put(struct worker_conn *c, struct hx_piece piece)
{
	/* An answer of many small pieces must not fill the memory of a client that is slow. */
	if (piece.bytes.len <= HX_FILE_AT_ONCE && c->out.backlog < WORKER_HIGH_WATER)
		return file_read_put(c, piece);
	if (io_output_file(&c->out, piece.file->fd, piece.at, piece.bytes.len, piece.release,
	    piece.arg) == 0)
		return WORKER_PIECE_PUT;
	hx_exchange_piece_drop(piece);
	return WORKER_PIECE_FAILED;
}

static enum worker_piece_result
copy_put(struct worker_conn *c, const char *bytes, size_t len)
{
	return io_output_copy(&c->out, bytes, len) < 0 ? WORKER_PIECE_FAILED : WORKER_PIECE_PUT;
}

enum worker_piece_result
worker_pieces_append(struct worker_conn *c, struct hx_piece piece)
{
	if (piece.file != NULL)
		return file_put(c, piece);
	if (piece.release == NULL)
		return copy_put(c, piece.bytes.ptr, piece.bytes.len);
	if (piece.bytes.len >= WORKER_HIGH_WATER)
		worker_memory_large(&c->w->memory);
	if (io_output_refer(&c->out, piece.bytes.ptr, piece.bytes.len, piece.release,
	    piece.arg) == 0)
		return WORKER_PIECE_PUT;
	hx_exchange_piece_drop(piece);
	return WORKER_PIECE_FAILED;
}

static enum worker_piece_result
chunk_put(struct worker_conn *c, struct hx_piece piece)
{
	char size[20];
	size_t n = hx_serialize_chunk_head(size, piece.bytes.len);
	enum worker_piece_result result;

	if (io_output_copy(&c->out, size, n) < 0) {
		hx_exchange_piece_drop(piece);
		return WORKER_PIECE_FAILED;
	}
	result = worker_pieces_append(c, piece);
	return result == WORKER_PIECE_PUT ? copy_put(c, "\r\n", 2) : result;
}

/* Count content against the length that the head has announced. False: it is more. */
static bool
length_count(struct hx_promise *promise, size_t len)
{
	if (!promise->has_length)
		return true;
	if (len > promise->left)
		return false;
	promise->left -= len;
	return true;
}

enum worker_piece_result
worker_pieces_put(struct worker_conn *c, struct hx_piece piece, bool last)
{
	struct hx_promise *promise = &c->x.promise;
	bool fits = length_count(promise, piece.bytes.len);
	enum worker_piece_result result = WORKER_PIECE_PUT;

	if (!promise->content || !fits || piece.bytes.len == 0)
		hx_exchange_piece_drop(piece);
	else
		result = promise->chunked ? chunk_put(c, piece) : worker_pieces_append(c, piece);
	if (promise->content && !fits) {
		log_warnx("answer is longer than its content-length");
		return WORKER_PIECE_FAILED;
	}
	if (last && promise->chunked && promise->content && result == WORKER_PIECE_PUT)
		result = copy_put(c, "0\r\n\r\n", 5);
	return result;
}
