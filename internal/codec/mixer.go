package codec

// Logits, the logarithms of odds, are in 1/256; probabilities are those of a 1.
const maxLogit = 2815

// logistic is 65536/(1+exp(-x)) at x from -11 to 11 in steps of 1/2.
var logistic = [45]int32{1, 2, 3, 5, 8, 13, 22, 36, 60, 98, 162, 267, 439, 720, 1179, 1921, 3108, 4971, 7812, 11955, 17625, 24743, 32768,
	40793, 47911, 53581, 57724, 60565, 62428, 63615, 64357, 64816, 65097, 65269, 65374, 65438, 65476, 65500, 65514, 65523, 65528, 65531, 65533, 65534, 65535}

// squashes holds, for each logit, the probability in 1/65536: logistic, interpolated.
var squashes = func() (table [2*maxLogit + 1]uint16) {
	for i := range table {
		at := i + 1
		low, high, rest := logistic[at>>7], logistic[min(at>>7+1, 44)], int32(at&127)
		table[i] = uint16((low*(128-rest) + high*rest + 64) >> 7)
	}
	return table
}()

func squash(logit int32) uint32 {
	return uint32(squashes[min(max(logit, -maxLogit), maxLogit)+maxLogit])
}

// stretches holds, for each probability in 1/4096, the smallest logit whose probability is not below the middle of that class.
var stretches = func() (table [4096]int16) {
	logit := -maxLogit
	for i := range table {
		for logit < maxLogit && int(squashes[logit+maxLogit]) < 16*i+8 {
			logit++
		}
		table[i] = int16(logit)
	}
	return table
}()

// A counter estimates the probability of a 1 in one context: 22 bits of it above 10 bits that
// count the bits seen, up to a limit.
type counter uint32

const (
	countLimit = 255
	fresh      = counter(1 << 31)
)

// rates holds 65536/(n+1.5), the part of the way that a counter goes after n bits, in 1/65536.
var rates = func() (table [countLimit + 1]int64) {
	for n := range table {
		table[n] = int64(2 * 65536 / (2*n + 3))
	}
	return table
}()

// confidences scales the logit of a counter after n bits, in 1/256.
var confidences = func() (table [countLimit + 1]int32) {
	for n := range table {
		table[n] = int32(256 * (2*n + 1) / (2*n + 4))
	}
	return table
}()

func (c *counter) update(bit, limit int) {
	n := int(*c & 1023)
	p := int64(*c >> 10)
	p += (int64(bit)*(1<<22-1) - p) * rates[n] >> 16
	if n < limit {
		n++
	}
	*c = counter(p)<<10 | counter(n)
}

// probability is that of a 1 in 1/65536, from 1 to 65535.
func (c counter) probability() uint32 {
	return min(max(uint32(c>>16), 32), 65536-32)
}

// A mixer predicts bits from several contexts. Each context selects a counter of a table. The logits of the counters
// are weighted and added; the weights are the sum of two sets, each selected by a context of its own. Two tables selected
// by further contexts then adjust the probability.
type mixer struct {
	tables      [][]counter
	chosen      [maxTables]*counter
	inputs      [maxTables]int32 // logits of the counters
	weights     [2][]weightSet
	selected    [2]*weightSet
	p           uint32 // before adjustment
	adjustments [2][][adjustmentSteps]uint16
	adjusted    [2]*uint16 // the entries nearest to the prediction
}

const (
	maxTables       = 8
	learningRate    = 14
	firstWeight     = 9830 // of a counter in each set: 0.15 in 1/65536
	adjustmentSteps = 24   // entries of an adjustment, at logits from -11.5 to 11.5
	lowestLogit     = 2944 // the logit of the first entry, negated
	one             = 256  // the input that is always there
)

// weightSet holds the weights of the inputs in 1/65536; the last is that of the input that is always there.
type weightSet [maxTables + 1]int32

// newMixer makes a mixer of tables with the given numbers of contexts, of weights[0] and weights[1] sets of weights, and of
// adjustments[0] and adjustments[1] adjustments.
func newMixer(tables []int, weights, adjustments [2]int) *mixer {
	m := &mixer{}
	for _, n := range tables {
		table := make([]counter, n)
		for i := range table {
			table[i] = fresh
		}
		m.tables = append(m.tables, table)
	}
	for j := range 2 {
		m.weights[j] = make([]weightSet, weights[j])
		for i := range m.weights[j] {
			for k := range maxTables {
				m.weights[j][i][k] = firstWeight
			}
		}
		m.adjustments[j] = make([][adjustmentSteps]uint16, adjustments[j])
		for i := range m.adjustments[j] {
			for k := range adjustmentSteps {
				m.adjustments[j][i][k] = uint16(squash(int32(k*256 - lowestLogit)))
			}
		}
	}
	return m
}

// predict returns the probability of a 1. contexts holds one of each table.
func (m *mixer) predict(contexts []int, weights, adjustments [2]int) uint32 {
	w0, w1 := &m.weights[0][weights[0]], &m.weights[1][weights[1]]
	m.selected = [2]*weightSet{w0, w1}
	sum := one * int64(w0[maxTables]+w1[maxTables])
	tables := m.tables[:min(len(m.tables), maxTables)]
	contexts = contexts[:len(tables)]
	for i, table := range tables {
		c := &table[contexts[i]]
		v := int32(stretches[*c>>20]) * confidences[min(*c&1023, countLimit)] >> 8
		m.chosen[i&(maxTables-1)] = c
		m.inputs[i&(maxTables-1)] = v
		sum += int64(v) * int64(w0[i&(maxTables-1)]+w1[i&(maxTables-1)])
	}
	logit := int32(min(max(sum>>16, -maxLogit), maxLogit))
	m.p = squash(logit)

	at := uint32(logit + lowestLogit)
	k, rest := at>>8, at&255
	p := 2 * m.p
	for j, context := range adjustments {
		entries := &m.adjustments[j][context]
		p += (uint32(entries[k])*(256-rest) + uint32(entries[k+1])*rest) >> 8
		m.adjusted[j] = &entries[k+rest>>7]
	}
	return min(max(p>>2, 16), 65536-16)
}

// update learns the bit that followed the last prediction.
func (m *mixer) update(bit int) {
	missed := (int64(bit)<<16 - int64(m.p)) * learningRate
	w0, w1 := m.selected[0], m.selected[1]
	for i := range min(len(m.tables), maxTables) {
		d := int32((int64(m.inputs[i])*missed + 1<<19) >> 20)
		w0[i] += d
		w1[i] += d
		m.chosen[i].update(bit, countLimit)
	}
	d := int32((one*missed + 1<<19) >> 20)
	w0[maxTables] += d
	w1[maxTables] += d
	for _, a := range m.adjusted {
		*a = uint16(int32(*a) + (int32(bit)*65535-int32(*a))>>6)
	}
}
