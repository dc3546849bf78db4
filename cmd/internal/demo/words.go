package demo

// The two users whose clients are shown. They come first in the guide.
var heroes = []struct{ id, name, city string }{
	{"mia", "Mia Sørensen", "Lisbon"},
	{"noah", "Noah Okafor", "Kraków"},
}

var cities = []string{
	"Lisbon", "Kraków", "Ghent", "Lyon", "Málaga", "Bologna", "Bergen", "Galway", "Graz", "Tartu",
}

var firstNames = []string{
	"Ada", "Amir", "Anouk", "Bruno", "Chiara", "Dev", "Elif", "Emil", "Fatima", "Finn", "Greta", "Hugo", "Inês", "Ivo",
	"Jana", "João", "Kofi", "Lena", "Luca", "Maja", "Marek", "Nia", "Olga", "Omar", "Pavel", "Rosa", "Sanne", "Siobhán",
	"Teo", "Uma", "Viktor", "Wanda", "Yara", "Zoë",
}

var lastNames = []string{
	"Almeida", "Bauer", "Costa", "Dubois", "Eriksen", "Fischer", "García", "Haddad", "Ivanova", "Jansen", "Kowalska",
	"Leclerc", "Moretti", "Nowak", "O’Brien", "Peeters", "Quint", "Rossi", "Silva", "Tamm", "Urban", "Vidal", "Weiss", "Yilmaz",
}

// cuisines give a restaurant its name, from one word of each list, and tags.
var cuisines = []struct {
	name          string
	kinds, places []string
	tags          []string
}{
	{
		"italian",
		[]string{"Trattoria", "Osteria", "Pizzeria", "Locanda"},
		[]string{"da Nonna Pia", "del Porto", "Sotto i Portici", "La Lanterna", "dei Due Fratelli"},
		[]string{"pasta", "pizza", "family"},
	},
	{
		"portuguese",
		[]string{"Tasca", "Cervejaria", "Casa", "Adega"},
		[]string{"do Zé", "da Ribeira", "das Flores", "Boa Vista", "do Avô"},
		[]string{"seafood", "grill", "family"},
	},
	{
		"japanese",
		[]string{"Izakaya", "Ramen-ya", "Sushi", "Soba"},
		[]string{"Hanabi", "Kitsune", "Tsuki", "Umi", "Tanuki"},
		[]string{"seafood", "noodles", "counter seats"},
	},
	{
		"indian",
		[]string{"Spice", "Tandoor", "Chai", "Curry"},
		[]string{"Garden", "Junction", "& Sons", "Library", "Lane"},
		[]string{"spicy", "vegan", "takeaway"},
	},
	{
		"mexican",
		[]string{"Taquería", "Cantina", "Fonda", "Cocina"},
		[]string{"El Farolito", "Los Primos", "La Milpa", "Doña Lupe", "Azul"},
		[]string{"spicy", "street food", "takeaway"},
	},
	{
		"polish",
		[]string{"Bar Mleczny", "Gospoda", "Pierogarnia", "Karczma"},
		[]string{"Pod Lipą", "u Babci", "Złota Kaczka", "Stary Młyn", "na Rogu"},
		[]string{"dumplings", "family", "cheap"},
	},
	{
		"french",
		[]string{"Bistro", "Brasserie", "Bouchon", "Auberge"},
		[]string{"du Marché", "Chez Colette", "Les Halles", "du Vieux Pont", "L’Ardoise"},
		[]string{"wine", "romantic", "cheese"},
	},
	{
		"plant-based",
		[]string{"Green", "Wild", "Little", "Honest"},
		[]string{"Fork", "Kitchen", "Radish", "Table", "Sprout"},
		[]string{"vegan", "organic", "brunch"},
	},
}

// extras are tags of any restaurant and interests of any user.
var extras = []string{
	"terrace", "live music", "late night", "dogs welcome", "with a view", "quiet", "step-free", "cards only", "cash only",
}

// notes are of visits with few stars, and of visits with many.
var notes = [2][]string{
	{
		"Waited for an hour.", "Too salty, and too loud.", "Not what it used to be.", "Nice people, cold soup.",
		"Bring your own patience.", "They had run out of everything.",
	},
	{
		"The best in town!", "Ask for the table by the window.", "Went back the next day.", "Take the dessert. Take two.",
		"Worth the detour.", "As good as they say.", "Crème brûlée to remember.",
	},
}
