"""The Lua that Redis runs: each call is atomic, and touches the keys of one id only (or one stream)."""

# Versions are compared as decimal text, the longer one being larger: Lua's numbers are doubles and a version
# passes 2^53 at epoch 2^21.
_NEWER = """
local function newer(a, b) return #a > #b or (#a == #b and a > b) end
"""

# Compare and set of one table.
# KEYS: values, n, meta, tombstone, then whatever else goes with the id when it is removed.
# ARGV: mode (delta, full, gone), last version, new version, then as MessagePack, cheaper for Redis than many
#       arguments: pairs of values, pairs of n, pairs of meta, and the fields that became null.
# Answers 1 = written, 0 = refused (something newer stands there), 2 = send the whole table.
TABLE = (
    _NEWER
    + """
local mode, last, new = ARGV[1], ARGV[2], ARGV[3]
local stored = redis.call('HGET', KEYS[3], 'version')
local floor = stored or redis.call('GET', KEYS[4])
if floor and newer(floor, new) then return 0 end
if mode == 'gone' then
  redis.call('SET', KEYS[4], new, 'EX', 86400)
  for i = 1, #KEYS do
    if i ~= 4 then redis.call('DEL', KEYS[i]) end
  end
  return 1
end
if mode == 'delta' and stored ~= last then return 2 end
if mode == 'full' then redis.call('DEL', KEYS[1], KEYS[2], KEYS[3]) end
local function each(command, key, packed)
  local list = cmsgpack.unpack(packed)
  for i = 1, #list, 2000 do
    redis.call(command, key, unpack(list, i, math.min(i + 1999, #list)))
  end
end
each('HSET', KEYS[1], ARGV[4])
each('HSET', KEYS[2], ARGV[5])
each('HSET', KEYS[3], ARGV[6])
each('HDEL', KEYS[1], ARGV[7])
return 1
"""
)

# One JSON document under the acceptance of its id's table.
# KEYS: document, meta, tombstone. ARGV: version, text (empty = remove). Answers 1 = written, 0 = refused.
DOCUMENT = (
    _NEWER
    + """
local floor = redis.call('HGET', KEYS[2], 'version') or redis.call('GET', KEYS[3])
if floor and newer(floor, ARGV[1]) then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
return 1
"""
)

# A new owner's mark, unless a newer one stands there; atomic, as the older owner may still write its own.
# KEYS: sentinel. ARGV: version. Answers what stood there.
CLAIM = (
    _NEWER
    + """
local stored = redis.call('GET', KEYS[1])
if not (stored and newer(stored, ARGV[1])) then redis.call('SET', KEYS[1], ARGV[1]) end
return stored
"""
)

# Many entries for the stream of updates in one call.
# KEYS: stream. ARGV: cap, then eight arguments an entry in the order of the names below.
UPDATES = """
if redis.replicate_commands then redis.replicate_commands() end
for i = 2, #ARGV, 8 do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'scope', ARGV[i], 'id', ARGV[i + 1],
    'field', ARGV[i + 2], 'old', ARGV[i + 3], 'new', ARGV[i + 4], 'n', ARGV[i + 5],
    'as_of', ARGV[i + 6], 'cause', ARGV[i + 7])
end
return (#ARGV - 1) / 8
"""

SCRIPTS = {"table": TABLE, "document": DOCUMENT, "claim": CLAIM, "updates": UPDATES}
